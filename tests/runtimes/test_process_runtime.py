"""The process runtime keeps the contract with real processes, and has rules of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest

from clawbot_manager.runtimes import log_file, process_table
from clawbot_manager.runtimes.base import InstanceFailedError, InstanceState, Runtime, RuntimeUnavailableError
from clawbot_manager.runtimes.instance_files import InstanceFiles, Started
from clawbot_manager.runtimes.process import ProcessRuntime
from tests.contracts.runtime_contract import Harness, RuntimeContract, is_in, make_spec, started
from tests.contracts.waiting import eventually

STUB = Path(__file__).with_name("stub_bot.py")


class ProcessHarness:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "instances"
        self.label = f"test-{uuid4()}"

    def runtime(self, max_log_bytes: int = 1 << 20) -> ProcessRuntime:
        return ProcessRuntime(self.root, self.label, program=STUB, max_log_bytes=max_log_bytes)

    def image(self) -> str:
        return "builtin"

    def make_stubborn(self, bot_id: UUID) -> dict[str, str]:
        return {"STUB_STUBBORN": "1"}

    async def kill(self, bot_id: UUID) -> None:
        for process in self.processes(bot_id):
            process.kill()

    async def half_made(self, runtime: Runtime) -> UUID:
        """A process whose manager died before it noted anything."""
        bot_id = uuid4()
        self.orphan(bot_id)
        return bot_id

    def orphan(self, bot_id: UUID) -> psutil.Process:
        command = [sys.executable, "-I", str(STUB), "--bot-id", str(bot_id), "--instance", self.label]
        return process_table.spawn(
            command, environment={}, cwd=self.folder, output=subprocess.DEVNULL, limits={}
        )

    def processes(self, bot_id: UUID) -> list[psutil.Process]:
        return process_table.find_all(self.label).get(bot_id, [])

    async def running(self, bot_id: UUID) -> int:
        return len(self.processes(bot_id))

    async def public(self, bot_id: UUID) -> str:
        return " ".join(word for process in self.processes(bot_id) for word in process.cmdline())

    async def close(self) -> None:
        runtime = self.runtime()
        for instance in await runtime.list():
            await runtime.remove(instance.bot_id)
        assert process_table.find_all(self.label) == {}


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[ProcessHarness]:
    harness = ProcessHarness(tmp_path)
    yield harness
    await harness.close()


class TestProcessRuntime(RuntimeContract):
    @pytest.fixture
    def harness(self, harness: ProcessHarness) -> Harness:
        return harness


async def test_it_says_that_it_does_not_isolate(harness: ProcessHarness) -> None:
    assert not harness.runtime().isolation.isolated
    assert harness.runtime().isolation.warning


async def test_the_bot_gets_its_own_environment_only(
    harness: ProcessHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_MASTER_KEY", "the-manager's-own")
    spec = make_spec(harness)
    await started(harness.runtime(), spec)
    process = harness.processes(spec.bot_id)[0]
    placed = {
        "CLAWBOT_GATEWAY_PORT": "9200",
        "CLAWBOT_GATEWAY_BIND": "127.0.0.1",
        "CLAWBOT_WORKSPACE": str(spec.workspace),
        "CLAWBOT_STATE_DIR": str(spec.state_dir),
    }
    assert process.environ() == {"PATH": os.defpath, "LANG": "C.UTF-8", **spec.environment, **placed}
    assert process.cwd() == str(spec.state_dir)
    assert os.getsid(process.pid) == process.pid
    assert {Path(f"/proc/{process.pid}/fd/{fd}").exists() for fd in range(3)} == {True}
    assert process.num_fds() == 3
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


async def test_files_with_tokens_are_private(harness: ProcessHarness) -> None:
    spec = make_spec(harness)
    await started(harness.runtime(), spec)
    directory = harness.root / str(spec.bot_id)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert names == {"instance.json": 0o600, "process.json": 0o600, "bot.log": 0o600}


async def test_the_exit_code_is_known_and_no_zombie_stays(harness: ProcessHarness) -> None:
    spec, runtime = make_spec(harness), harness.runtime()
    await started(runtime, spec)
    pid = harness.processes(spec.bot_id)[0].pid
    os.kill(pid, signal.SIGUSR1)
    seen = await eventually(lambda: is_in(runtime, spec.bot_id, InstanceState.STOPPED))
    assert seen.exit_code == -signal.SIGUSR1
    assert not psutil.pid_exists(pid)
    assert await harness.runtime().inspect(spec.bot_id) == seen


async def test_a_recycled_process_id_is_never_signalled(harness: ProcessHarness) -> None:
    spec, runtime = make_spec(harness), harness.runtime()
    await runtime.create(spec)
    stranger = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        InstanceFiles(harness.root, spec.bot_id).write_started(Started(stranger.pid, 1.0))
        assert await is_in(runtime, spec.bot_id, InstanceState.STOPPED)
        await runtime.stop(spec.bot_id, grace_seconds=1)
        await runtime.remove(spec.bot_id)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_other_installations_are_not_seen(harness: ProcessHarness, tmp_path: Path) -> None:
    other = ProcessHarness(tmp_path)
    spec = make_spec(harness)
    await started(harness.runtime(), spec)
    assert other.processes(spec.bot_id) == []


async def test_an_orphan_is_listed_as_such(harness: ProcessHarness) -> None:
    bot_id = uuid4()
    pid = harness.orphan(bot_id).pid
    (seen,) = await harness.runtime().list()
    assert (seen.bot_id, seen.instance_id) == (bot_id, str(pid))
    assert (seen.revision, seen.state, seen.endpoint) == (0, InstanceState.RUNNING, None)
    assert seen.detail


async def test_a_damaged_description_is_listed_and_can_be_replaced(harness: ProcessHarness) -> None:
    spec, runtime = make_spec(harness), harness.runtime()
    await runtime.create(spec)
    (harness.root / str(spec.bot_id) / "instance.json").write_text('{"schema": 1, "bot')
    (seen,) = await runtime.list()
    assert (seen.bot_id, seen.revision, seen.state) == (spec.bot_id, 0, InstanceState.CREATED)
    assert (await runtime.create(spec)).revision == 1


async def test_the_log_of_a_running_bot_stays_bounded(harness: ProcessHarness) -> None:
    spec, runtime = make_spec(harness), harness.runtime(max_log_bytes=1000)
    await started(runtime, spec)
    log = harness.root / str(spec.bot_id) / "bot.log"
    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(500))
    await runtime.list()
    assert log.stat().st_size == 0
    assert log.with_name("bot.log.1").stat().st_size == 1000
    assert stat.S_IMODE(log.with_name("bot.log.1").stat().st_mode) == 0o600


def test_following_a_file_through_truncation_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_text("one\ntwo\nthree\nfo")
    follower = log_file.Follower(path)
    assert follower.first(2) == ["two", "three"]
    with path.open("a") as file:
        file.write("ur\nfive\n")
    assert follower.more() == ["four", "five"]
    os.truncate(path, 0)
    with path.open("a") as file:
        file.write("six\n")
    assert follower.more() == ["six"]
    fresh = tmp_path / "fresh"
    fresh.write_text("seven is on another file\n")
    fresh.replace(path)
    assert follower.more() == ["seven is on another file"]
    path.unlink()
    assert follower.more() is None


def test_tail_reads_a_bounded_end(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_bytes(b"x" * (log_file.MAX_READ + 100) + b"\n" + b"y\n" * 100_000)
    assert log_file.tail(path, 3) == ["y", "y", "y"]
    assert len(log_file.tail(path, 100_000)) == 100_000
    assert log_file.tail(tmp_path / "none", 3) == []


async def test_what_cannot_work_is_told(harness: ProcessHarness, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeUnavailableError):
        await ProcessRuntime(tmp_path / "file" / "root", "x").probe()
    with pytest.raises(RuntimeUnavailableError):
        await ProcessRuntime(tmp_path / "root", "x", python="/nowhere/python").probe()
    broken = ProcessRuntime(harness.root, harness.label, python="/nowhere/python")
    spec = make_spec(harness)
    await broken.create(spec)
    with pytest.raises(InstanceFailedError, match="/nowhere/python"):
        await broken.start(spec.bot_id)
    with contextlib.suppress(InstanceFailedError):
        await broken.stop(spec.bot_id, grace_seconds=1)
