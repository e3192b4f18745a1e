"""Passwords: Argon2id (RFC 9106), hashed in threads so that the event loop never waits for it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Argon2 takes tens of milliseconds of a core and 64 MiB each: a burst of sign-ins must not take the machine.
_AT_ONCE = 2


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # threads of its own: a thread goes on when the caller that waits for it is cancelled, so counting
        # the callers would not bound the work
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is right. With None (no such account) it takes as long, and is False."""
        if stored is None and self._nobody is None:
            self._nobody = await self.hash("nobody's password")  # costs what a check costs: it stands for it
            return False
        matches = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._matches, password, stored or self._nobody or ""
        )
        return matches and stored is not None

    def _matches(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash was made with older parameters."""
        return self._hasher.check_needs_rehash(stored)
