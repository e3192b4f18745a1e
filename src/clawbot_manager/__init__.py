"""ClawBotManager: runs a team's AI bots and is the only way from a bot to a provider."""

__version__ = "0.1.0"
