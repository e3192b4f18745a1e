"""Bearer tokens: 32 random bytes to the holder, a keyed hash in the database."""

import base64
import hashlib
import hmac
import secrets
from uuid import UUID


class TokenHasher:
    """Makes tokens and their HMAC-SHA-256 under the installation's token secret."""

    def __init__(self, token_secret: str) -> None:
        # a key for each use, so that no token, whoever made it up, hashes to a mark or a derived token
        self._key = _subkey("token hash", token_secret)
        self._mark_key = _subkey("fingerprint", token_secret)
        self._derive_key = _subkey("derive", token_secret)
        self._successor_key = _subkey("successor", token_secret)

    def new_token(self, prefix: str) -> str:
        """A fresh token, `<prefix>_<43 characters>`."""
        return f"{prefix}_{secrets.token_urlsafe(32)}"

    def successor(self, token: str, prefix: str) -> str:
        """The one token that follows this one, the same each time: nobody without the secret can make it."""
        following = hmac.digest(self._successor_key, token.encode(errors="surrogatepass"), "sha256")
        return f"{prefix}_{base64.urlsafe_b64encode(following).rstrip(b'=').decode()}"

    def hash(self, token: str) -> bytes:
        """The 32 bytes stored in place of the token. A stolen table cannot be searched without the secret."""
        return hmac.digest(self._key, token.encode(errors="surrogatepass"), "sha256")

    def fingerprint(self, secret: str, *, owner: UUID) -> str:
        """A short mark, equal for equal secrets of one owner, that does not lead back to the secret."""
        return hmac.digest(self._mark_key, owner.bytes + secret.encode(), "sha256").hex()[:16]

    def derive(self, purpose: str) -> str:
        """A token that can be made again from the installation's secret (the one-time sign-up link)."""
        return hmac.digest(self._derive_key, purpose.encode(), "sha256").hex()[:40]


def hint_of(secret: str) -> str:
    """A masked form to recognise a secret by: the last four characters, and the prefix up to its first dash.

    Never more than a third of the secret: a short one loses its prefix first, then everything.
    """
    tail = secret[-4:]
    if len(tail) * 4 > len(secret):
        return "…"
    head = secret[: secret.find("-", 0, 8) + 1]
    return f"{head}…{tail}" if (len(head) + len(tail)) * 3 <= len(secret) else f"…{tail}"


def _subkey(use: str, token_secret: str) -> bytes:
    return hashlib.sha256(f"clawbot-manager {use}|{token_secret}".encode()).digest()
