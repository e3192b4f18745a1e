"""A bot in a file: its settings and the files it wrote, without any secret.

A gzipped tar of `bot.json` and of `files/…`, which is the directory that belongs to the bot itself (what an
agent keeps beside it, sessions and caches, may hold tokens and stays out). Packing follows no link and packs
none; unpacking takes regular files with plain relative names and nothing else. All of it is blocking.
"""

import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from clawbot_manager.control.bots.errors import BadArchiveError

SETTINGS = "bot.json"
_FILES = "files"
_MOST_FILES = 10_000
_LONGEST_SETTINGS = 1024 * 1024
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may hold, unpacked; and how large it may be."""

    max_bytes: int


def pack(target: Path, settings: bytes, files: Path, limits: ArchiveLimits) -> int:
    """Write the archive, whole or not at all; its size in bytes.

    Raises:
        BadArchiveError: there is more than the limits allow.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = target.with_name(f".{target.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            _add(tar, SETTINGS, len(settings), BytesIO(settings))
            left = limits.max_bytes
            for name, size, source in _regular_files(files):
                left -= size
                if left < 0:
                    raise BadArchiveError(f"The bot's files are larger than {limits.max_bytes} bytes.")
                _add(tar, f"{_FILES}/{name}", size, source)
        draft.replace(target)
    except OSError as error:
        if "unexpected end of data" in str(error):  # tarfile's words
            raise BadArchiveError("A file of the bot became shorter meanwhile. Try again.") from error
        raise
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def unpack(archive: Path, target: Path, limits: ArchiveLimits) -> bytes:
    """Unpack the bot's files into a directory that does not exist yet; the settings.

    Raises:
        BadArchiveError: it is not one of ours, or has anything in it that none of ours has.
    """
    settings: bytes | None = None
    target.mkdir(parents=True, mode=0o700)
    left, count = limits.max_bytes, 0
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            for member in tar:
                count += 1
                left -= member.size
                if count > _MOST_FILES or left < 0:
                    raise BadArchiveError("The archive holds more than is allowed, unpacked.")
                name = _plain_name(member)
                if name.parts == (SETTINGS,):
                    settings = _content(tar, member, _LONGEST_SETTINGS)
                else:
                    _write(target.joinpath(*name.parts[1:]), tar, member)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise BadArchiveError("This is not a bot's archive, or it is damaged.") from error
    if settings is None:
        raise BadArchiveError(f"The archive has no {SETTINGS}.")
    return settings


def read_settings(archive: Path) -> bytes:
    """The settings alone.

    Raises:
        BadArchiveError: it does not begin with them, as those that are made here do.
    """
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            first = tar.next()
            if first is None or _plain_name(first).parts != (SETTINGS,):
                raise BadArchiveError(f"The archive has no {SETTINGS}.")
            return _content(tar, first, _LONGEST_SETTINGS)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise BadArchiveError("This is not a bot's archive, or it is damaged.") from error


def _plain_name(member: tarfile.TarInfo) -> PurePosixPath:
    name = PurePosixPath(member.name)
    wrong = not member.isreg() or name.is_absolute() or ".." in name.parts or "\0" in member.name
    inside = name.parts == (SETTINGS,) or (len(name.parts) > 1 and name.parts[0] == _FILES)
    if wrong or not inside:
        raise BadArchiveError(f"The archive holds {member.name[:100]!r}, which no bot's archive has.")
    return name


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
    source = tar.extractfile(member)
    if source is None or member.size > most:
        raise BadArchiveError(f"{member.name[:100]!r} is too large.")
    return source.read(most)


def _write(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = tar.extractfile(member)
    assert source is not None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        while piece := source.read(_PIECE):
            file.write(piece)


def _add(tar: tarfile.TarFile, name: str, size: int, source: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    tar.addfile(entry, source)


def _regular_files(root: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Relative names, sizes and contents. The bot may write there meanwhile: no link is followed."""
    count = 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue
            with os.fdopen(descriptor, "rb") as file:
                seen = os.fstat(descriptor)
                if not stat.S_ISREG(seen.st_mode):
                    continue
                count += 1
                if count > _MOST_FILES:
                    raise BadArchiveError(f"The bot has more than {_MOST_FILES} files.")
                yield path.relative_to(root).as_posix(), seen.st_size, file
