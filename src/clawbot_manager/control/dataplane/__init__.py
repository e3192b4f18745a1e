"""What the proxy needs, over the database: the one place of the control plane that opens provider keys."""
