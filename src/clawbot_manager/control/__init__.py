"""The control plane: one folder a domain. A domain calls downwards and tells upwards by event."""
