"""Errors of the bots domain."""

from clawbot_manager.kit.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UpstreamError,
)


class BotNotFoundError(NotFoundError):
    """There is no such bot among the caller's."""

    code = "bot_not_found"
    title = "There is no such bot"


class HostnameTakenError(ConflictError):
    """The owner has a bot with this hostname."""

    code = "hostname_taken"
    title = "This hostname is taken"


class BadHostnameError(InvalidInputError):
    """The hostname is a word that routes use."""

    code = "hostname_reserved"
    title = "This hostname is reserved"


class BadProviderError(InvalidInputError):
    """A provider of the bot cannot be used."""

    code = "bad_provider"
    title = "This provider cannot be used"


class BotNotRunningError(ConflictError):
    """The bot must run for this."""

    code = "bot_not_running"
    title = "The bot is not running"


class BotDeletingError(ConflictError):
    """The bot is on its way out."""

    code = "bot_deleting"
    title = "The bot is being deleted"


class BotUnreachableError(UpstreamError):
    """The bot's gateway does not answer."""

    code = "bot_unreachable"
    title = "The bot does not answer"


class RuntimeDownError(UnavailableError):
    """The place where bots run cannot be reached."""

    code = "runtime_unavailable"
    title = "The runtime cannot be reached"


class PortsExhaustedError(UnavailableError):
    """No port is free on this node."""

    code = "ports_exhausted"
    title = "No port is free"


class BotUpgradingError(ConflictError):
    """An upgrade of the bot is under way."""

    code = "bot_upgrading"
    title = "The bot is being upgraded"


class BotRestoringError(ConflictError):
    """A backup is being put back."""

    code = "bot_restoring"
    title = "A backup is being restored"


class BadArchiveError(InvalidInputError):
    """The archive is not a bot's, or too large."""

    code = "bad_archive"
    title = "This archive cannot be used"


class BotRunningError(ConflictError):
    """The bot must be stopped for this."""

    code = "bot_running"
    title = "The bot is not stopped"
