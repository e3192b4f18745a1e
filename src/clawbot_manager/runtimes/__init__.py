"""Where bots run: one small protocol, and a driver per kind of place."""
