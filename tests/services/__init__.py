"""Real services that the tests start as private processes of their own."""
