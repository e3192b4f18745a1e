"""Bots: what is wanted of them, and the reconciler that brings it about."""
