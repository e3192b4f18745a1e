"""Bearer tokens: 32 random bytes to the holder, a keyed hash in the database."""

import hashlib
import hmac
import secrets
from uuid import UUID


class TokenHasher:
    """Makes tokens and their HMAC-SHA-256 under the installation's token secret."""

    def __init__(self, token_secret: str) -> None:
        self._key = hashlib.sha256(b"clawbot-manager token hash|" + token_secret.encode()).digest()

    def new_token(self, prefix: str) -> str:
        """A fresh token, `<prefix>_<43 characters>`."""
        return f"{prefix}_{secrets.token_urlsafe(32)}"

    def hash(self, token: str) -> bytes:
        """The 32 bytes stored in place of the token. A stolen table cannot be searched without the secret."""
        return hmac.digest(self._key, token.encode(errors="surrogatepass"), "sha256")

    def fingerprint(self, secret: str, *, owner: UUID) -> str:
        """A short mark, equal for equal secrets of one owner, that does not lead back to the secret."""
        return hmac.digest(self._key, b"fingerprint|" + owner.bytes + secret.encode(), "sha256").hex()[:16]

    def derive(self, purpose: str) -> str:
        """A token that can be made again from the installation's secret (the one-time sign-up link)."""
        return hmac.digest(self._key, f"derive|{purpose}".encode(), "sha256").hex()[:40]


def hint_of(secret: str) -> str:
    """A masked form to recognise a secret by: at most a short prefix and the last four characters."""
    if len(secret) < 16:
        return "…"
    head = secret[: min(secret.find("-", 0, 8) + 1, 8)] if "-" in secret[:8] else ""
    return f"{head}…{secret[-4:]}"
