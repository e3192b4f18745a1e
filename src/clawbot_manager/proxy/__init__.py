"""The data plane: the only way from a bot to a provider. No framework is imported here."""
