"""Errors of the vault."""

from clawbot_manager.kit.errors import ConflictError, InvalidInputError, NotFoundError


class KeyNotFoundError(NotFoundError):
    """There is no such provider key among the caller's."""

    code = "provider_key_not_found"
    title = "There is no such provider key"


class LabelTakenError(ConflictError):
    """The owner has a key with this label."""

    code = "label_taken"
    title = "This label is taken"


class UnknownVendorError(InvalidInputError):
    """The vendor is not in the catalogue."""

    code = "unknown_vendor"
    title = "Unknown vendor"


class BadBaseUrlError(InvalidInputError):
    """The base URL is missing, malformed, or points where requests must not go."""

    code = "bad_base_url"
    title = "The base URL cannot be used"


class SecretRequiredError(InvalidInputError):
    """The vendor needs a key."""

    code = "secret_required"
    title = "The vendor needs a key"
