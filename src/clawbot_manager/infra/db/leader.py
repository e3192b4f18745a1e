"""One process at a time: a lock with a name that ends with the process which holds it, however it ends."""

import fcntl
import hashlib
import os

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from clawbot_manager.infra.db.database import Database

_log = structlog.get_logger(__name__)


class Leadership:
    """On PostgreSQL a session's advisory lock, on a SQLite file a lock on a file beside it.

    A database in memory has no other processes. One event loop's; not for several tasks at once.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        self._connection: AsyncConnection | None = None
        self._descriptor: int | None = None

    async def acquire(self) -> bool:
        """Whether this process leads now; asks again whether it still does when it did.

        Raises:
            SQLAlchemyError, OSError: it cannot be told, so it does not.
        """
        if self._database.dialect == "postgresql":
            return await self._acquire_session()
        return self._database.file is None or self._acquire_file()

    async def release(self) -> None:
        """Let another process lead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.invalidate()  # closes the session, and the lock with it
                await connection.close()
            except SQLAlchemyError as error:
                _log.debug("leader.release", error=type(error).__name__)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    async def _acquire_session(self) -> bool:
        try:
            if self._connection is not None:
                await self._connection.execute(text("SELECT 1"))
                return True
            self._connection = await self._database.own_connection()
            got = await self._connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key})
        except BaseException:
            await self.release()
            raise
        if not got:
            await self.release()
        return bool(got)

    def _acquire_file(self) -> bool:
        if self._descriptor is not None:
            return True
        assert self._database.file is not None
        path = self._database.file.with_name(f"{self._database.file.name}.{self._name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True
