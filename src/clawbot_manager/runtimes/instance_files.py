"""What the process runtime keeps of a bot on disk, so that a restarted manager finds everything again.

`<root>/<bot id>/instance.json` is the spec the bot was created from (0600: it holds the bot's two tokens),
`process.json` the process that was started last, `bot.log` its output; `<root>/.<bot id>.lock` serialises
the verbs that change one bot, between managers too.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psutil

from clawbot_manager.runtimes.base import InstanceFailedError, InstanceSpec, Limits, RuntimeUnavailableError

T = TypeVar("T")
LOCK_SECONDS = 60.0
POLL_SECONDS = 0.05


async def blocking(function: Callable[..., T], *arguments: Any) -> T:
    """Run file and process work beside the loop; what the operating system refuses becomes our error."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except PermissionError as error:
        raise RuntimeUnavailableError(f"no permission: {error.strerror} ({error.filename})") from error
    except OSError as error:
        raise InstanceFailedError(f"{error.strerror or 'input/output error'} ({error.filename})") from error
    except psutil.Error as error:
        raise InstanceFailedError(f"the process cannot be handled: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Started:
    """The process that was started last; `exit_code` when we saw it end."""

    pid: int
    created: float
    exit_code: int | None = None


class InstanceFiles:
    """The directory of one bot under the root of the process runtime."""

    def __init__(self, root: Path, bot_id: UUID) -> None:
        self._root = root
        self._bot_id = bot_id
        self.directory = root / str(bot_id)
        self.log = self.directory / "bot.log"

    def exists(self) -> bool:
        """Whether anything of the bot is there, even only half made."""
        return self.directory.is_dir()

    def write(self, spec: InstanceSpec) -> None:
        """Keep the spec, replacing whatever was there of an earlier instance."""
        self.delete()
        self.directory.mkdir(mode=0o700, parents=True)
        spec.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        plain = {
            "schema": 1,
            "bot_id": str(spec.bot_id),
            "hostname": spec.hostname,
            "owner_id": str(spec.owner_id),
            "revision": spec.revision,
            "image": spec.image,
            "workspace": str(spec.workspace),
            "state_dir": str(spec.state_dir),
            "port": spec.port,
            "environment": dict(spec.environment),
            "limits": {
                "memory_mb": spec.limits.memory_mb,
                "cpus": spec.limits.cpus,
                "processes": spec.limits.processes,
            },
        }
        self._put("instance.json", plain)

    def read(self) -> InstanceSpec | None:
        """The spec, None when it is missing or damaged (a manager died while it wrote)."""
        plain = self._get("instance.json")
        try:
            if plain is None or plain["bot_id"] != str(self._bot_id):
                return None
            return InstanceSpec(
                bot_id=self._bot_id,
                hostname=str(plain["hostname"]),
                owner_id=UUID(plain["owner_id"]),
                revision=int(plain["revision"]),
                image=str(plain["image"]),
                workspace=Path(plain["workspace"]),
                state_dir=Path(plain["state_dir"]),
                port=int(plain["port"]),
                environment={str(key): str(value) for key, value in plain["environment"].items()},
                limits=Limits(**plain["limits"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def write_started(self, started: Started) -> None:
        """Note the process, so that it need not be searched for."""
        plain = {"pid": started.pid, "created": started.created, "exit_code": started.exit_code}
        self._put("process.json", plain)

    def read_started(self) -> Started | None:
        """The process that was noted, None when none was."""
        plain = self._get("process.json")
        try:
            return None if plain is None else Started(**plain)
        except TypeError:
            return None

    def delete(self) -> None:
        """Forget the instance; the spec goes first: what a killed deletion leaves is no instance."""
        with contextlib.suppress(FileNotFoundError):
            (self.directory / "instance.json").unlink()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)

    def _put(self, name: str, plain: Mapping[str, Any]) -> None:
        draft = self.directory / f".{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(plain, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.directory / name)

    def _get(self, name: str) -> dict[str, Any] | None:
        try:
            plain = json.loads((self.directory / name).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return plain if isinstance(plain, dict) else None

    @contextlib.asynccontextmanager
    async def locked(self, *, removing: bool = False) -> AsyncIterator[None]:
        """Hold the bot's lock; with `removing`, the lock file goes too.

        Raises `RuntimeUnavailableError` when another manager does not let go of it in time.
        """
        path = self._root / f".{self._bot_id}.lock"
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        while (descriptor := await blocking(_try_lock, path)) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeUnavailableError("another manager holds the lock of this bot")
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
            if removing:
                await blocking(path.unlink, True)
        finally:
            os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # whoever held it before may have removed the file: then this lock is on nothing
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
