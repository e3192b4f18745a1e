"""Provider keys: sealed at rest, never given back."""
