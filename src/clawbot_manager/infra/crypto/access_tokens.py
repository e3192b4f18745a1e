"""Access tokens: short-lived JWTs, HS256 only, with a fixed issuer and audience."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_ISSUER = "clawbot-manager"
_AUDIENCE = "clawbot-manager-api"
_ALGORITHMS = ["HS256"]


class AccessTokenError(Exception):
    """The token is malformed, forged, for somebody else, or has ended."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Who the token speaks for, and in which session."""

    user_id: UUID
    session_id: UUID


class AccessTokens:
    """Signs and reads access tokens."""

    def __init__(self, session_secret: str, *, lifetime_seconds: int) -> None:
        self._key = OctKey.import_key(session_secret)
        self.lifetime_seconds = lifetime_seconds

    def sign(self, claims: AccessClaims, *, now: datetime) -> str:
        """A token that ends `lifetime_seconds` from `now`."""
        body = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=self.lifetime_seconds)).timestamp()),
        }
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, body, self._key, algorithms=_ALGORITHMS)

    def read(self, token: str, *, now: datetime) -> AccessClaims:
        """The claims of a valid token.

        Raises:
            AccessTokenError: anything is wrong with it; the caller need not know what.
        """
        try:
            claims = jwt.decode(token, self._key, algorithms=_ALGORITHMS).claims
            if claims["iss"] != _ISSUER or claims["aud"] != _AUDIENCE or claims["exp"] <= now.timestamp():
                raise AccessTokenError("the token has ended or is not for this service")
            return AccessClaims(user_id=UUID(claims["sub"]), session_id=UUID(claims["sid"]))
        except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise AccessTokenError("the token is not valid") from error
