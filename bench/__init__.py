"""Measures the proxy against nginx and other gateways on this machine (see README.md)."""
