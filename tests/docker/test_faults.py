"""Whatever happens to a bot's container or its engine: the bot gets there, and its owner is told."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docker.conftest import Engine, MakeProgram, chats, create, running, told
from tests.services import bot_images, docker_supervisor
from tests.support.program import Program, wait_for

pytestmark = pytest.mark.timeout(300)


def _kill(engine: Engine, container: str) -> None:
    engine("kill", container)


def _remove(engine: Engine, container: str) -> None:
    engine("rm", "--force", container)


def _pause(engine: Engine, container: str) -> None:
    engine("pause", container)


def _rename(engine: Engine, container: str) -> None:
    engine("rename", container, f"stolen-{container[:8]}")


def _limits(engine: Engine, container: str) -> None:
    engine("update", "--memory", "1g", "--memory-swap", "1g", container)


def _network(engine: Engine, container: str) -> None:
    (network,) = engine.inspect(container)["NetworkSettings"]["Networks"]
    engine("network", "disconnect", network, container)


@pytest.mark.parametrize(
    ("harm", "code", "same"),
    [
        (_kill, "restarted", True),
        (_remove, "running", False),
        (_pause, "unpaused", True),
        (_rename, "drift_mended", True),
        (_limits, "drift_mended", True),
        (_network, "drift_mended", True),
    ],
)
def test_a_container_that_other_hands_harmed(
    program: Program, engine: Engine, harm: Callable[[Engine, str], None], code: str, same: bool
) -> None:
    bot_id = running(program, "scout")
    (before,) = engine.containers(bot_id)
    facts = _facts(engine, before)
    harm(engine, before)
    told(program, "scout", code)

    def back() -> bool:
        containers = engine.containers(bot_id)
        return len(containers) == 1 and _facts(engine, containers[0]) == facts

    wait_for(back, what="the container is as it was")
    program.reaches("scout", "running")
    chats(program, "scout")
    assert (engine.containers(bot_id) == [before]) is same
    _nothing_is_left(program, engine, "scout", bot_id)


def _facts(engine: Engine, container: str) -> tuple[object, ...]:
    seen = engine.inspect(container)
    state, limits = seen["State"], seen["HostConfig"]
    networks = sorted(seen["NetworkSettings"]["Networks"])
    return (seen["Name"], state["Running"], state["Paused"], limits["Memory"], networks)


def _nothing_is_left(program: Program, engine: Engine, hostname: str, bot_id: str) -> None:
    program.call("DELETE", f"/api/bot/{hostname}")
    program.reaches(hostname, "gone")
    assert engine.containers(bot_id) == []
    assert program.call("GET", "/api/bot/admin/orphans").json == []
    assert list((program.data_dir / "bots").iterdir()) == []


def test_an_image_that_is_missing_is_told_and_waited_for(make_program: MakeProgram, engine: Engine) -> None:
    image = "clawbot-manager/not-built:1"
    program = make_program(CLAWBOT_RUNTIME__IMAGE=image)
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    program.call("POST", "/api/provider-key", key)
    bot_id = create(program, "scout")
    program.reaches("scout", "error")
    status = program.call("GET", "/api/bot/scout").json["status"]
    assert status["code"] == "instance_failed"
    assert "make bot-images" in status["detail"]
    assert engine.containers(bot_id) == []
    engine("tag", bot_images.BUILTIN, image)
    try:
        program.reaches("scout", "running")
        _nothing_is_left(program, engine, "scout", bot_id)
    finally:
        engine("rmi", image)


def test_an_upgrade_to_an_image_that_is_no_bot_goes_back(program: Program, engine: Engine) -> None:
    bot_id = running(program, "scout")
    broken = "clawbot-manager/broken:1"
    engine("tag", "clawbot-manager/base:bookworm", broken)
    try:
        assert program.call("POST", "/api/bot/scout/upgrade", {"image": broken}).status == 202
        assert broken in told(program, "scout", "rolled_back")
        program.reaches("scout", "running")
        (container,) = engine.containers(bot_id)
        assert engine.inspect(container)["Config"]["Image"] == bot_images.BUILTIN
        chats(program, "scout")
    finally:
        engine("rmi", broken)


@pytest.fixture
def own_engine(engine: Engine) -> Iterator[tuple[Engine, Callable[[], None], Callable[[], None]]]:
    """An engine that may be stopped, with what stops and starts it."""
    home = Path(tempfile.mkdtemp(prefix="cbm-docker-", dir="/var/tmp"))
    processes = [docker_supervisor.start(home)]
    url = docker_supervisor.url(home)
    bot_images.load(url, bot_images.BUILTIN)

    def stop() -> None:
        processes[-1].terminate()
        processes[-1].wait(60)

    def start() -> None:
        processes.append(docker_supervisor.start(home))

    yield Engine(url), stop, start
    docker_supervisor.end(processes[-1], url)
    shutil.rmtree(home, ignore_errors=True)


def test_an_engine_that_stops_is_unknown_and_never_stopped(
    make_program: MakeProgram, own_engine: tuple[Engine, Callable[[], None], Callable[[], None]]
) -> None:
    engine, stop, start = own_engine
    program = make_program(engine.url)
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    program.call("POST", "/api/provider-key", key)
    bot_id = running(program, "scout")
    stop()

    def unknown() -> bool:
        status = program.call("GET", "/api/bot/scout").json["status"]
        assert status["state"] not in {"stopped", "stopping"}, status
        return bool(status["health"] == "unknown" and status["code"] == "runtime_unavailable")

    wait_for(unknown, what="the bot's health is unknown")
    assert program.call("GET", "/health/ready").status == 503
    assert program.call("GET", "/api/bot/scout/stats").json["code"] == "runtime_unavailable"
    start()
    program.reaches("scout", "running")
    wait_for(
        lambda: program.call("GET", "/api/bot/scout").json["status"]["health"] == "healthy", what="healthy"
    )
    assert len(engine.containers(bot_id, running=True)) == 1
    chats(program, "scout")


def test_a_disk_that_is_full(make_program: MakeProgram, engine: Engine) -> None:
    program = make_program()
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    program.call("POST", "/api/provider-key", key)
    bots = program.data_dir / "bots"
    bots.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "full", str(bots)], check=True)
    try:
        (bots / "filler").write_bytes(b"x" * 60 * 1024)
        bot_id = create(program, "scout", persona={"name": "Scout", "soul_markdown": "long " * 3000})
        program.reaches("scout", "error")
        status = program.call("GET", "/api/bot/scout").json["status"]
        assert status["code"] == "workspace_failed"
        assert "No space left" in status["detail"]
        assert engine.containers(bot_id) == []
        (bots / "filler").unlink()
        program.reaches("scout", "running")
        _nothing_is_left(program, engine, "scout", bot_id)
    finally:
        subprocess.run(["umount", "--lazy", str(bots)], check=True)
