"""Users and their signed-in sessions."""
