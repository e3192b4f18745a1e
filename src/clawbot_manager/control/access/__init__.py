"""Who is calling, by session or by API token."""
