"""What went through the proxy: one row a request."""
