"""The one base class of errors that a caller of the API may see (RFC 9457 problem documents)."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ProblemError(Exception):
    """An error with a true HTTP status, a stable code and parameters.

    The API returns the code, the parameters and an English `detail` that says what to do; the console
    translates by code. `field` names the input that is wrong, as a dotted path, when there is one.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.params: dict[str, Any] = dict(params or {})
        self.headers: dict[str, str] = dict(headers or {})


class BadRequestError(ProblemError):
    """The request cannot be understood (not JSON, wrong content type, ...)."""

    status = 400
    code = "bad_request"
    title = "The request cannot be understood"


class UnauthorizedError(ProblemError):
    """Nobody is signed in, or the proof of it is wrong or expired."""

    status = 401
    code = "unauthorized"
    title = "Sign in first"


class ForbiddenError(ProblemError):
    """The caller is known but may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFoundError(ProblemError):
    """There is no such thing, or it is another tenant's (which must look the same)."""

    status = 404
    code = "not_found"
    title = "Not found"


class ConflictError(ProblemError):
    """The state of the thing does not allow this now."""

    status = 409
    code = "conflict"
    title = "Conflict"


class PayloadTooLargeError(ProblemError):
    """The body is larger than this route takes."""

    status = 413
    code = "payload_too_large"
    title = "The body is too large"


class InvalidInputError(ProblemError):
    """A field of the payload is wrong; `field` names it."""

    status = 422
    code = "invalid_input"
    title = "The input is not valid"


class TooManyRequestsError(ProblemError):
    """Too fast; `Retry-After` says when."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"


class UpstreamError(ProblemError):
    """Something that we called answered wrongly."""

    status = 502
    code = "upstream_error"
    title = "The service behind this did not answer well"


class UnavailableError(ProblemError):
    """Something that we need is not reachable now."""

    status = 503
    code = "unavailable"
    title = "Not available right now"
