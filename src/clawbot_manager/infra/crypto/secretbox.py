"""Secrets at rest: AES-256-GCM under a versioned master key, bound to the row and owner they belong to.

Format: `v1.<master key version>.<nonce>.<ciphertext and tag>`, the last two in unpadded base64url.
A random 96-bit nonce per encryption (NIST SP 800-38D section 8.2.2 bounds it to 2^32 uses of one key).
"""

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SCHEME = "v1"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretBoxError(Exception):
    """A stored secret cannot be opened: wrong master key, wrong row, or it was tampered with."""


class SecretBox:
    """Seals and opens secrets. `master_keys` maps versions to 32 bytes; the highest version seals."""

    def __init__(self, master_keys: Mapping[int, bytes]) -> None:
        if not master_keys or any(len(key) != _KEY_BYTES for key in master_keys.values()):
            raise ValueError(f"a secret box needs master keys of {_KEY_BYTES} bytes")
        self._ciphers = {version: AESGCM(key) for version, key in master_keys.items()}
        self._current = max(self._ciphers)

    def __repr__(self) -> str:
        return f"SecretBox(versions={sorted(self._ciphers)})"

    def seal(self, secret: str, *, context: str) -> str:
        """The secret encrypted; `context` (table, column, row id, owner) must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        header = f"{_SCHEME}.{self._current}"
        sealed = self._ciphers[self._current].encrypt(nonce, secret.encode(), _bound(header, context))
        return f"{header}.{_encode(nonce)}.{_encode(sealed)}"

    def open(self, sealed: str, *, context: str) -> str:
        """The secret in the clear.

        Raises:
            SecretBoxError: it was not sealed under this context by a master key that is known here.
        """
        try:
            scheme, version, nonce, ciphertext = sealed.split(".")
            cipher = self._ciphers[int(version)]
            clear = cipher.decrypt(
                _decode(nonce), _decode(ciphertext), _bound(f"{scheme}.{version}", context)
            )
            return clear.decode()
        except (ValueError, KeyError, InvalidTag) as error:
            raise SecretBoxError(
                "a stored secret cannot be opened with this installation's master key"
            ) from error

    def is_current(self, sealed: str) -> bool:
        """Whether the secret was sealed by the newest master key."""
        return sealed.startswith(f"{_SCHEME}.{self._current}.")


def _bound(header: str, context: str) -> bytes:
    return f"{header}|{context}".encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(data) != text:  # the decoder skips foreign characters and spare bits: one value, one spelling
        raise ValueError("not canonical base64url")
    return data
