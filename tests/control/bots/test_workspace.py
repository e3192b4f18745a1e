"""The bots' directories: what the manager writes gets there, whatever a bot put in its way."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from clawbot_manager.control.bots.workspace import Workspaces

FILES = {"config.json": b"{}", "soul.md": b"a soul"}
OWN = {"SOUL.md": b"the soul"}
OUTSIDE = b"nobody may write here"


@pytest.fixture
def workspaces(tmp_path: Path) -> Iterator[Workspaces]:
    """As the server has them, with nothing open for others by default."""
    before = os.umask(0o077)
    yield Workspaces(tmp_path / "bots")
    os.umask(before)


@pytest.fixture
def bot_id() -> UUID:
    return uuid4()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "SOUL.md").write_bytes(OUTSIDE)
    return outside


def own(workspaces: Workspaces, bot_id: UUID) -> Path:
    return workspaces.state(bot_id) / "files"


def test_both_directories_are_written_and_only_differences_again(
    workspaces: Workspaces, bot_id: UUID
) -> None:
    assert sorted(workspaces.write(bot_id, FILES, OWN)) == ["SOUL.md", "config.json", "soul.md"]
    assert workspaces.write(bot_id, FILES, OWN) == []
    assert workspaces.write(bot_id, {**FILES, "soul.md": b"another"}, OWN) == ["soul.md"]
    written = own(workspaces, bot_id) / "SOUL.md"
    assert written.read_bytes() == b"the soul"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert sorted(path.name for path in own(workspaces, bot_id).iterdir()) == ["SOUL.md"]


def _link_to_a_file(directory: Path, outside: Path) -> None:
    (directory / "SOUL.md").unlink()
    (directory / "SOUL.md").symlink_to(outside / "SOUL.md")


def _link_to_the_directory(directory: Path, outside: Path) -> None:
    (directory / "SOUL.md").unlink()
    directory.rmdir()
    directory.symlink_to(outside)


def _draft_that_is_a_link(directory: Path, outside: Path) -> None:
    (directory / "SOUL.md").write_text("changed")
    (directory / ".SOUL.md.new").symlink_to(outside / "SOUL.md")


def _directory_in_its_place(directory: Path, outside: Path) -> None:
    (directory / "SOUL.md").unlink()
    (directory / "SOUL.md" / "deep").mkdir(parents=True)
    (directory / "SOUL.md" / "deep" / "link").symlink_to(outside)


def _pipe_in_its_place(directory: Path, _outside: Path) -> None:
    (directory / "SOUL.md").unlink()
    os.mkfifo(directory / "SOUL.md")


def _hard_link(directory: Path, outside: Path) -> None:
    (directory / "SOUL.md").unlink()
    os.link(outside / "SOUL.md", directory / "SOUL.md")


@pytest.mark.parametrize(
    "trick",
    [
        _link_to_a_file,
        _link_to_the_directory,
        _draft_that_is_a_link,
        _directory_in_its_place,
        _pipe_in_its_place,
        _hard_link,
    ],
)
def test_nothing_that_a_bot_plants_is_followed(
    workspaces: Workspaces, bot_id: UUID, outside: Path, trick: Callable[[Path, Path], None]
) -> None:
    workspaces.write(bot_id, FILES, OWN)
    trick(own(workspaces, bot_id), outside)
    assert workspaces.write(bot_id, FILES, OWN) == ["SOUL.md"]
    written = own(workspaces, bot_id) / "SOUL.md"
    assert stat.S_ISREG(written.lstat().st_mode)
    assert written.read_bytes() == b"the soul"
    assert (outside / "SOUL.md").read_bytes() == OUTSIDE
    assert [path.name for path in outside.iterdir()] == ["SOUL.md"]


def test_what_the_bot_wrote_beside_stays(workspaces: Workspaces, bot_id: UUID) -> None:
    workspaces.write(bot_id, FILES, OWN)
    (own(workspaces, bot_id) / "MEMORY.md").write_text("I remember")
    workspaces.write(bot_id, FILES, {"SOUL.md": b"another soul"})
    assert (own(workspaces, bot_id) / "MEMORY.md").read_text() == "I remember"
