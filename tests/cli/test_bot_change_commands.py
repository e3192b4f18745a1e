"""`bot edit|restart|upgrade|events|diagnose|clone|export|import`, `bot backup …` and `bot logs --follow`."""

import json
from pathlib import Path

from clawbot_manager.control.bots.schemas import BotPatch
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import Answer, FakeApi

BOT = "/api/bot/helper"
BACKUP = {"id": "b-1", "created_at": "2026-11-22T08:30:15Z", "size_bytes": 1234, "reason": "manual"}


def test_edit_sends_what_was_given_over_what_there_is(cli: Cli, api: FakeApi, tmp_path: Path) -> None:
    soul = tmp_path / "soul.md"
    soul.write_text("Be bold.", encoding="utf-8")
    api.on("GET", BOT, samples.bot(limits={"memory_mb": 512, "cpus": None, "processes": 64}))
    api.on("PATCH", BOT, samples.bot(is_pending_restart=True))
    options = ("--name", "Bold", "--soul-file", str(soul), "--tag", "a", "--cpus", "2")
    result = cli("bot", "edit", "helper", *options)
    assert result.exit_code == 0
    (asked,) = api.calls("PATCH", BOT)
    sent = BotPatch.model_validate(asked.body)
    assert sent.model_fields_set == {"name", "persona", "tags", "limits"}
    assert sent.persona
    assert (sent.persona.name, sent.persona.soul_markdown) == ("Helper", "Be bold.")
    assert sent.limits
    assert (sent.limits.memory_mb, sent.limits.cpus, sent.limits.processes) == (512, 2, 64)
    assert "bot restart helper" in result.stderr


def test_edit_of_nothing_says_so(cli: Cli, api: FakeApi) -> None:
    api.on("GET", BOT, samples.bot())
    result = cli("bot", "edit", "helper")
    assert (result.exit_code, "Nothing to change" in result.stderr) == (2, True)


def test_restart_and_upgrade(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/restart", samples.bot(state="starting"), status=202)
    api.on("POST", f"{BOT}/upgrade", samples.bot(state="starting"), status=202)
    api.on(
        "GET", BOT, samples.bot(state="starting", detail="It is up; a prompt is on its way."), samples.bot()
    )
    result = cli("bot", "restart", "helper", "--wait")
    assert result.exit_code == 0
    assert "a prompt is on its way" in result.stderr
    assert cli("bot", "upgrade", "helper", "--image", "bot:2", "--no-wait").exit_code == 0
    assert api.calls("POST", f"{BOT}/upgrade")[0].body == {"image": "bot:2"}


def test_events(cli: Cli, api: FakeApi) -> None:
    event = {
        "id": "e",
        "at": "2026-11-22T08:30:15Z",
        "level": "warning",
        "code": "unpaused",
        "detail": "By hand.",
    }
    api.on("GET", f"{BOT}/events", samples.page(event))
    assert "unpaused" in cli("bot", "events", "helper").stdout


def test_diagnose_fails_when_something_is_wrong(cli: Cli, api: FakeApi) -> None:
    check = {
        "name": "key",
        "code": "no_key",
        "status": "fail",
        "detail": "There is no key.",
        "advice": "Add one.",
        "latency_ms": 3,
        "params": {"vendor": "openai"},
    }
    api.on("POST", f"{BOT}/diagnose", {"healthy": False, "checks": [check]}, {"healthy": True, "checks": []})
    result = cli("bot", "diagnose", "helper")
    assert result.exit_code == 1
    assert "key openai" in result.stdout
    assert "There is no key. Add one." in result.stdout
    assert cli("bot", "diagnose", "helper", "--no-prompt", "--json").exit_code == 0
    assert [asked.body for asked in api.calls("POST", f"{BOT}/diagnose")] == [
        {"prompt": True},
        {"prompt": False},
    ]


def test_clone(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/clone", samples.bot("twin", "created"), status=201)
    assert cli("bot", "clone", "helper", "twin", "--with-files", "--no-start").exit_code == 0
    (asked,) = api.calls("POST", f"{BOT}/clone")
    assert asked.body == {"hostname": "twin", "name": None, "with_files": True, "auto_start": False}


def test_export_writes_a_new_file_only(cli: Cli, api: FakeApi, tmp_path: Path) -> None:
    archive = Answer(200, b"the archive", {"content-type": "application/gzip"})
    api.on("GET", f"{BOT}/export", archive)
    target = tmp_path / "out.tar.gz"
    result = cli("bot", "export", "helper", "--output", str(target), "--json")
    assert json.loads(result.stdout) == {"file": str(target), "size_bytes": 11}
    assert target.read_bytes() == b"the archive"
    assert cli("bot", "export", "helper", "--output", str(target)).exit_code == 2
    api.problem("GET", f"{BOT}/export", 404, "There is no such bot.")
    assert cli("bot", "export", "helper", "--output", str(tmp_path / "other")).exit_code == 1
    assert [path.name for path in tmp_path.glob("o*")] == ["out.tar.gz"]


def test_backups(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/backup", BACKUP, status=201)
    api.on("GET", f"{BOT}/backup", [BACKUP])
    api.on("POST", f"{BOT}/backup/b-1/restore", samples.bot(state="stopped"))
    api.on("DELETE", f"{BOT}/backup/b-1", status=204)
    assert "b-1: 1234 bytes" in cli("bot", "backup", "create", "helper").stdout
    assert "manual" in cli("bot", "backup", "list", "helper").stdout
    assert cli("bot", "backup", "restore", "helper", "b-1").exit_code == 0
    assert "deleted" in cli("bot", "backup", "delete", "helper", "b-1").stdout


def test_logs_follow(cli: Cli, api: FakeApi) -> None:
    told = [{"lines": ["one", "two\x1b[31m"], "dropped": 0}, {"ended": True}]
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in told).encode()
    api.on("GET", f"{BOT}/logs/follow", Answer(200, data, {"content-type": "text/event-stream"}))
    lines = cli("bot", "logs", "helper", "--follow").stdout.splitlines()
    assert lines[0] == "one"
    assert "\x1b" not in lines[1]
