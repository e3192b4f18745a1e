"""Errors of the accounts domain."""

from clawbot_manager.kit.errors import ConflictError, ForbiddenError, InvalidInputError, UnauthorizedError


class WrongCredentialsError(UnauthorizedError):
    """E-mail or password is wrong; the answer does not tell which."""

    code = "wrong_credentials"
    title = "E-mail or password is wrong"


class SessionEndedError(UnauthorizedError):
    """The refresh token is unknown, used before, expired or revoked."""

    code = "session_ended"
    title = "The session has ended"


class SetupTokenError(ForbiddenError):
    """The first account needs the one-time link that the server printed."""

    code = "setup_token_required"
    title = "Use the one-time sign-up link"


class SignUpClosedError(ForbiddenError):
    """The administrator has closed sign-up."""

    code = "sign_up_closed"
    title = "Sign-up is closed"


class EmailTakenError(ConflictError):
    """There is an account with this e-mail address."""

    code = "email_taken"
    title = "This e-mail address has an account"


class SessionRequiredError(ForbiddenError):
    """Only a person who is signed in may do this, no script with a token."""

    code = "session_required"
    title = "Sign in for this"


class WrongPasswordError(InvalidInputError):
    """The present password, asked for again, is wrong."""

    code = "wrong_password"
    title = "The password is wrong"
