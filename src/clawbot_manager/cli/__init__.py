"""The command line: parses, calls the API or the composition root, prints."""
