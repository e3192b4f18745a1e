"""A bot's directories on disk: the workspace, which it only reads, and its state. They hold no key."""

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

OWN_FILES = "files"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Workspaces:
    """The bots' directories on this node, `<root>/<bot id>/{workspace,state}`. Blocking: call in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, bot_id: UUID) -> Path:
        """What holds both."""
        return self._root / str(bot_id)

    def workspace(self, bot_id: UUID) -> Path:
        """Where the manager writes and the bot reads."""
        return self._root / str(bot_id) / "workspace"

    def state(self, bot_id: UUID) -> Path:
        """Where the bot writes."""
        return self._root / str(bot_id) / "state"

    def write(self, bot_id: UUID, files: Mapping[str, bytes], own: Mapping[str, bytes]) -> list[str]:
        """Bring both directories to these contents, each file by an atomic rename; the names that differed.

        `own` goes where the bot itself writes, `files` of its state; what it put there in a file's place, be
        it a link, is replaced and never followed.
        """
        for directory in (self.workspace(bot_id), self.state(bot_id)):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        changed = []
        for name, content in files.items():
            path = self.workspace(bot_id) / name
            if _read(path) != content:
                draft = path.with_name(f".{name}.new")
                draft.write_bytes(content)
                draft.chmod(0o644)
                draft.replace(path)
                changed.append(name)
        return changed + (_write_own(self.state(bot_id), own) if own else [])

    def remove(self, bot_id: UUID) -> None:
        """Remove the bot's directories; missing ones are fine. A link in their place is not followed."""
        path = self._root / str(bot_id)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
        else:
            path.unlink()

    def listed(self) -> list[UUID]:
        """The bots that have a directory here."""
        if not self._root.is_dir():
            return []
        return [bot_id for entry in self._root.iterdir() if (bot_id := _as_uuid(entry.name)) is not None]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write_own(state: Path, files: Mapping[str, bytes]) -> list[str]:
    state_fd = os.open(state, _DIRECTORY)
    try:
        directory_fd = _own_directory(state_fd)
        try:
            owner = os.fstat(state_fd)
            os.fchown(directory_fd, owner.st_uid, owner.st_gid)
            return [
                name
                for name, content in files.items()
                if _replace(directory_fd, name, content, owner.st_uid, owner.st_gid)
            ]
        finally:
            os.close(directory_fd)
    finally:
        os.close(state_fd)


def _own_directory(state_fd: int) -> int:
    try:
        return os.open(OWN_FILES, _DIRECTORY, dir_fd=state_fd)
    except FileNotFoundError:
        pass
    except OSError:  # a link or a file in its place
        os.unlink(OWN_FILES, dir_fd=state_fd)
    os.mkdir(OWN_FILES, 0o700, dir_fd=state_fd)
    return os.open(OWN_FILES, _DIRECTORY, dir_fd=state_fd)


def _replace(directory_fd: int, name: str, content: bytes, uid: int, gid: int) -> bool:
    if _read_in(directory_fd, name, len(content) + 1) == content:
        return False
    draft = f".{name}.new"
    for stale in (draft, name):
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(os.lstat(stale, dir_fd=directory_fd).st_mode):
                shutil.rmtree(stale, dir_fd=directory_fd)
            elif stale == draft:
                os.unlink(stale, dir_fd=directory_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o644, dir_fd=directory_fd)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, 0o644)  # whatever our umask is
    os.rename(draft, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    return True


def _read_in(directory_fd: int, name: str, most: int) -> bytes | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not hold us up
    try:
        descriptor = os.open(name, flags, dir_fd=directory_fd)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
