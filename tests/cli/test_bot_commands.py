"""`bot ...` and `bot token ...`."""

import json
from pathlib import Path
from typing import Any

import pytest

from clawbot_manager.control.bots.schemas import BotIn, BotTokenIn
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import Answer, FakeApi

BOT = "/api/bot/helper"
CREATE = ("bot", "create", "--name", "Help Desk", "--vendor", "openai", "--model", "gpt-5-mini")
GONE = Answer(404, {"detail": "There is no such bot.", "code": "not_found"})


def created(api: FakeApi) -> BotIn:
    return BotIn.model_validate(api.calls("POST", "/api/bot")[-1].body)


def test_list(cli: Cli, api: FakeApi) -> None:
    page = samples.page(samples.bot(), samples.bot("other", "error", is_simulated=True), cursor="more")
    api.on("GET", "/api/bot", page)
    result = cli("bot", "list", "--limit", "2")
    header, first, second = result.stdout.splitlines()
    assert header.split()[:3] == ["HOSTNAME", "NAME", "STATE"]
    assert first.split()[:5] == ["helper", "🤖", "Helper", "running", "healthy"]
    assert "gpt-5-mini (simulated)" in second
    assert "2026-11-22 08:30:15Z" in second
    assert "There are more than these 2" in result.stderr
    assert json.loads(cli("bot", "list", "--limit", "2", "--json").stdout) == page


def test_an_empty_list_says_what_to_do(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/bot", samples.page())
    assert "bot create" in cli("bot", "list").stdout


def test_get(cli: Cli, api: FakeApi) -> None:
    bot = samples.bot(detail="all well", isolation_warning="Bots share this machine.")
    api.on("GET", BOT, bot)
    result = cli("bot", "get", "helper")
    assert "openai (gpt-5-mini, gpt-5)" in result.stdout
    assert "all well" in result.stdout
    assert "Warning: Bots share this machine." in result.stderr
    assert json.loads(cli("bot", "get", "helper", "--json").stdout) == bot


def test_a_hostname_cannot_reach_another_route(cli: Cli, api: FakeApi) -> None:
    api.problem("GET", "/api/bot/..%2Fuser%2Fme", 404, "There is no such bot.")
    assert "There is no such bot." in cli("bot", "get", "../user/me").stderr


def test_create_with_everything(cli: Cli, api: FakeApi, tmp_path: Path) -> None:
    soul = tmp_path / "soul.md"
    soul.write_text("# 你好\n", encoding="utf-8")
    api.on("GET", "/api/provider-key", samples.page(samples.key("main")))
    api.on("POST", "/api/bot", samples.bot("desk", "draft"), status=201)
    result = cli(
        *CREATE, "--model", "gpt-5", "--hostname", "desk", "--key", "main", "--soul-file", str(soul),
        "--emoji", "🦊", "--tag", "a", "--tag", "b", "--no-start",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    given = created(api)
    assert (given.name, given.hostname, given.tags, given.auto_start) == (
        "Help Desk",
        "desk",
        ["a", "b"],
        False,
    )
    (provider,) = given.providers
    assert (provider.vendor, provider.models, provider.primary_model) == (
        "openai",
        ["gpt-5-mini", "gpt-5"],
        "gpt-5-mini",
    )
    assert str(provider.key_id) == samples.KEY_ID
    assert given.persona is not None
    assert (given.persona.soul_markdown, given.persona.emoji) == ("# 你好", "🦊")


def test_create_suggests_the_hostname(cli: Cli, api: FakeApi) -> None:
    api.on("POST", "/api/bot", samples.bot("help-desk", "draft"), status=201)
    assert cli(*CREATE).exit_code == 0
    assert created(api).hostname == "help-desk"
    cli.terminal = True
    cli(*CREATE, "--no-wait", given="\n")
    assert created(api).hostname == "help-desk"
    cli(*CREATE, "--no-wait", given="desk-2\n")
    assert created(api).hostname == "desk-2"


def test_create_from_a_template_in_the_callers_language(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/user/me", samples.user())
    api.on("GET", "/api/persona-template", [samples.template("code-helper"), samples.template("x")])
    api.on("POST", "/api/bot", samples.bot("help-desk", "draft"), status=201)
    assert cli(*CREATE, "--template", "code-helper").exit_code == 0
    assert str(created(api).persona_template_id) == samples.TEMPLATE_ID
    assert api.calls("GET", "/api/persona-template")[0].query["locale"] == "zh-CN"
    cli(*CREATE, "--template", "code-helper", "--locale", "en")
    assert api.calls("GET", "/api/persona-template")[1].query["locale"] == "en"
    unknown = cli(*CREATE, "--template", "nope")
    assert unknown.exit_code == 1
    assert "There is no persona template 'nope'. There are: code-helper, x." in unknown.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--template", "a", "--soul-file", __file__), "exclude each other"),
        (("--emoji", "🦊"), "--emoji needs --soul-file"),
        (("--soul-file", "/nowhere/soul.md"), "does not exist"),
    ],
)
def test_create_with_options_that_do_not_fit(
    cli: Cli, api: FakeApi, args: tuple[str, ...], said: str
) -> None:
    result = cli(*CREATE, *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert api.asked == []


def test_create_with_a_key_that_is_not_there_or_not_one(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/provider-key", samples.page(samples.key("main")))
    assert "There is no provider key 'x'. There are: main." in cli(*CREATE, "--key", "x").stderr
    api.on("GET", "/api/provider-key", samples.page(samples.key("main"), samples.key("main")))
    assert "Give the id instead" in cli(*CREATE, "--key", "main").stderr
    assert api.calls("POST", "/api/bot") == []


def test_create_refused_names_the_field(cli: Cli, api: FakeApi) -> None:
    errors = [{"field": "hostname", "code": "hostname_taken", "detail": "You have a bot of this name."}]
    api.problem("POST", "/api/bot", 409, "You have a bot of this name.", errors=errors)
    assert cli(*CREATE).stderr == "Error: hostname: You have a bot of this name. (trace trace-1)\n"


def test_create_waits_and_says_each_state(cli: Cli, api: FakeApi) -> None:
    api.on("POST", "/api/bot", samples.bot("helper", "draft"), status=201)
    states = [
        samples.bot("helper", state) for state in ("draft", "created", "starting", "starting", "running")
    ]
    api.on("GET", BOT, *states)
    result = cli(*CREATE, "--hostname", "helper", "--wait")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == [
        "helper: waiting until it is running",
        *("helper: draft", "helper: created", "helper: starting", "helper: running"),
    ]
    assert cli.now == 1005.0


def test_waiting_is_the_default_in_a_terminal_alone(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/start", samples.bot("helper", "starting"), status=202)
    api.on("GET", BOT, samples.bot("helper", "running"))
    assert cli("bot", "start", "helper").exit_code == 0
    assert api.calls("GET", BOT) == []
    cli.terminal = True
    assert "running" in cli("bot", "start", "helper").stdout
    assert len(api.calls("GET", BOT)) == 1
    cli("bot", "start", "helper", "--no-wait")
    assert len(api.calls("GET", BOT)) == 1


def test_json_after_waiting_is_the_bot_as_it_is_then(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/stop", samples.bot("helper", "running", desired="stopped"), status=202)
    stopped = samples.bot("helper", "stopped", desired="stopped")
    api.on("GET", BOT, stopped)
    assert json.loads(cli("bot", "stop", "helper", "--wait", "--json").stdout) == stopped


def test_a_start_that_fails(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/start", samples.bot("helper", "starting"), status=202)
    api.on("GET", BOT, samples.bot("helper", "error", detail="No free port."))
    result = cli("bot", "start", "helper", "--wait")
    assert result.exit_code == 1
    assert (
        "Error: helper is in error: No free port. Look at `clawbot-manager bot logs helper`." in result.stderr
    )


def test_an_error_from_before_the_start_is_given_time(cli: Cli, api: FakeApi) -> None:
    old = samples.bot("helper", "error", detail="old")
    api.on("POST", f"{BOT}/start", old, status=202)
    api.on("GET", BOT, old, old, samples.bot("helper", "running"))
    assert cli("bot", "start", "helper", "--wait").exit_code == 0
    api.on("GET", BOT, old)
    before = cli.now
    assert "helper is in error: old." in cli("bot", "start", "helper", "--wait").stderr
    assert cli.now - before == 15.0


def test_waiting_has_an_end(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/start", samples.bot("helper", "starting"), status=202)
    api.on("GET", BOT, samples.bot("helper", "starting"))
    result = cli("bot", "start", "helper", "--wait", "--timeout", "5")
    assert result.exit_code == 1
    assert "helper is not running after 5 s (it is starting)." in result.stderr
    assert cli.now == 1005.0


def test_a_bot_that_is_deleted_while_we_wait(cli: Cli, api: FakeApi) -> None:
    api.on("POST", f"{BOT}/start", samples.bot("helper", "starting"), status=202)
    api.on("GET", BOT, GONE)
    assert "helper was deleted meanwhile." in cli("bot", "start", "helper", "--wait").stderr
    api.problem("GET", BOT, 503, "Not now.")
    assert "Not now." in cli("bot", "start", "helper", "--wait").stderr


def test_delete_asks_for_the_hostname(cli: Cli, api: FakeApi) -> None:
    api.on("DELETE", BOT, samples.bot("helper", "deleting", desired="deleted"), status=202)
    for answer in ("\n", "yes\n", "other\n", ""):
        refused = cli("bot", "delete", "helper", given=answer)
        assert refused.exit_code == 1
        assert "Not confirmed: nothing was changed." in refused.stderr
    assert api.asked == []
    result = cli("bot", "delete", "helper", given="helper\n")
    assert result.exit_code == 0
    assert result.stdout.endswith("helper will be deleted.\n")


def test_delete_waits_until_it_is_gone(cli: Cli, api: FakeApi) -> None:
    deleting = samples.bot("helper", "deleting", desired="deleted")
    api.on("DELETE", BOT, deleting, status=202)
    api.on("GET", BOT, deleting, GONE)
    result = cli("bot", "delete", "helper", "--yes", "--wait")
    assert (result.exit_code, result.stdout) == (0, "helper is deleted.\n")
    assert "helper: gone" in result.stderr
    api.on("GET", BOT, GONE)
    assert json.loads(cli("bot", "delete", "helper", "--yes", "--wait", "--json").stdout) == deleting


def test_logs(cli: Cli, api: FakeApi) -> None:
    answer: dict[str, Any] = {"lines": ["one", "\x1b[31mtwo"]}
    api.on("GET", f"{BOT}/logs", answer)
    assert cli("bot", "logs", "helper", "--tail", "2").stdout == "one\n�[31mtwo\n"
    assert api.asked[0].query == {"tail": "2"}
    assert json.loads(cli("bot", "logs", "helper", "--json").stdout) == answer


def test_token_list(cli: Cli, api: FakeApi) -> None:
    tokens = [samples.bot_token("laptop"), samples.bot_token("instance", kind="instance")]
    api.on("GET", f"{BOT}/token", tokens)
    result = cli("bot", "token", "list", "helper")
    assert [line.split()[1:3] for line in result.stdout.splitlines()[1:]] == [
        ["laptop", "client"],
        ["instance", "instance"],
    ]
    assert json.loads(cli("bot", "token", "list", "helper", "--json").stdout) == tokens


def test_token_create_shows_it_once(cli: Cli, api: FakeApi) -> None:
    made = samples.bot_token_created()
    api.on("POST", f"{BOT}/token", made, status=201)
    result = cli("bot", "token", "create", "helper", "--name", "laptop", "--expires-days", "30")
    assert samples.BOT_TOKEN in result.stdout
    assert "http://127.0.0.1:7100/api/v1/openai/v1" in result.stdout
    assert "not shown again" in result.stderr
    assert BotTokenIn.model_validate(api.asked[0].body) == BotTokenIn(name="laptop", expires_in_days=30)
    as_json = cli("bot", "token", "create", "helper", "--name", "laptop", "--json")
    assert json.loads(as_json.stdout) == made


@pytest.mark.parametrize("wanted", ["laptop", samples.TOKEN_ID, samples.TOKEN_ID.upper()])
def test_token_revoke_by_id_or_name(cli: Cli, api: FakeApi, wanted: str) -> None:
    api.on("GET", f"{BOT}/token", [samples.bot_token("laptop")])
    api.on("DELETE", f"{BOT}/token/{samples.TOKEN_ID}", None, status=204)
    result = cli("bot", "token", "revoke", "helper", wanted)
    assert result.exit_code == 0
    assert "Token laptop of helper is revoked." in result.stderr
    assert len(api.calls("DELETE", f"{BOT}/token/{samples.TOKEN_ID}")) == 1
