"""What every domain of the control plane stands on: the caller, ownership, the edge of the API."""
