"""The program split by role: three processes on one database, and a bot that works across them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import PASSWORD, Program, call, free_port, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[dict[str, Program]]:
    """`up` has made secrets and schema; then control, proxy and worker take over."""
    data_dir = tmp_path / "data"
    first = Program(data_dir, free_port(), tmp_path / "up.log")
    first.start()
    assert first.stop() == 0
    proxy_port = free_port()
    environment = {
        "CLAWBOT_PROXY__URL_FOR_BOTS": f"http://127.0.0.1:{proxy_port}/api/v1",
        "CLAWBOT_RUNTIME__KIND": "process",
        "CLAWBOT_RUNTIME__RECONCILE_SECONDS": "0.3",
        "CLAWBOT_RUNTIME__FIRST_PORT": str(free_port()),
    }
    ports = {"control": free_port(), "proxy": proxy_port, "worker": free_port(), "worker-2": free_port()}
    parts = {
        name: Program(
            data_dir,
            port,
            tmp_path / f"{name}.log",
            argv=["serve", "--role", name.partition("-")[0]],
            environment=environment,
        )
        for name, port in ports.items()
    }
    try:
        for part in parts.values():
            part.start()
        yield {**parts, "up": first}
    finally:
        for part in parts.values():
            part.clean_up()


def _create_bot(parts: dict[str, Program]) -> None:
    control = parts["control"]
    setup = parts["up"].setup_link().partition("setup=")[2]
    body = {"email": "admin@example.com", "password": PASSWORD, "setup_token": setup}
    session = control.call("POST", "/api/auth/sign-up", body)
    control.token = session.json["access_token"]
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    assert control.call("POST", "/api/provider-key", key).status == 201
    bot = {
        "name": "Scout",
        "hostname": "scout",
        "providers": [{"vendor": "custom", "models": ["simulated-small"]}],
    }
    assert control.call("POST", "/api/bot", bot).status == 201
    control.reaches("scout", "running")


def test_of_two_workers_one_leads_and_the_other_takes_over(parts: dict[str, Program]) -> None:
    control = parts["control"]
    _create_bot(parts)
    workers = [parts["worker"], parts["worker-2"]]
    leads = ['"reconciler.leads"' in worker.output() for worker in workers]
    assert sorted(leads) == [False, True]
    leader, heir = (workers[leads.index(True)], workers[leads.index(False)])
    assert '"bot.step"' not in heir.output()
    leader.kill()
    (bot,) = control.bots()
    bot.kill()
    wait_for(lambda: '"reconciler.leads"' in heir.output(), what="the other one leads")
    wait_for(
        lambda: [process.pid for process in control.bots()] not in ([], [bot.pid]), what="another process"
    )
    control.reaches("scout", "running")
    control.call("DELETE", "/api/bot/scout")
    control.reaches("scout", "gone")


def test_a_bot_works_across_the_roles(parts: dict[str, Program]) -> None:
    control, proxy = parts["control"], parts["proxy"]
    _create_bot(parts)

    def answers() -> bool:
        said = control.call("POST", "/api/bot/scout/chat", {"message": "hello"}).text
        return "imulated" in said and '"error"' not in said

    wait_for(answers, what="the proxy knows the bot's token, and the bot answers")
    wait_for(lambda: control.call("GET", "/api/usage").json["items"], what="the usage that the proxy wrote")

    # each role serves its own part alone
    assert proxy.call("GET", "/api/bot").status == 404
    assert call("GET", f"{proxy.base}/health/ready").status == 200
    assert (
        call("POST", f"{control.base}/api/v1/custom/chat/completions", {}).json["code"] == "route_not_found"
    )
    assert call("POST", f"{proxy.base}/api/v1/custom/chat/completions", {}).status == 401

    control.call("DELETE", "/api/bot/scout")
    control.reaches("scout", "gone")
    assert control.bots() == []
    for part in ("control", "proxy", "worker"):
        assert parts[part].stop() == 0
        assert "Traceback" not in parts[part].output()
