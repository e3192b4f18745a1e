"""`key ...`: secrets go in by prompt, standard input or environment, and never come out."""

import json

import pytest

from clawbot_manager.control.vault.schemas import ProviderKeyIn, ProviderKeyPatch
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import FakeApi

SECRET = "sk-planted-secret-7f3a"
KEY = f"/api/provider-key/{samples.KEY_ID}"
ADD = ("key", "add", "--vendor", "openai", "--label", "main")


@pytest.fixture
def server(api: FakeApi) -> FakeApi:
    vendors = [samples.vendor("openai"), samples.vendor("ollama", key_required=False)]
    api.on("GET", "/api/vendor", vendors)
    api.on("GET", "/api/provider-key", samples.page(samples.key("main")))
    api.on("POST", "/api/provider-key", samples.key("main"), status=201)
    api.on("PATCH", KEY, samples.key("main"))
    api.on("DELETE", KEY, None, status=204)
    return api


def added(api: FakeApi) -> ProviderKeyIn:
    return ProviderKeyIn.model_validate(api.calls("POST", "/api/provider-key")[-1].body)


def secret_of(given: ProviderKeyIn | ProviderKeyPatch) -> str | None:
    return given.secret.get_secret_value() if given.secret else None


def test_list(cli: Cli, server: FakeApi) -> None:
    page = samples.page(
        samples.key("main"), samples.key("sim", vendor="custom", is_simulated=True, hint=None)
    )
    server.on("GET", "/api/provider-key", page)
    lines = cli("key", "list").stdout.splitlines()
    assert lines[1].split() == ["main", "openai", "–", "active", "sk-…x7Qf", "–", "helper", samples.KEY_ID]
    assert "custom (simulated)" in lines[2]
    assert json.loads(cli("key", "list", "--json").stdout) == page
    server.on("GET", "/api/provider-key", samples.page())
    assert "key add" in cli("key", "list").stdout


def test_add_with_the_secret_from_standard_input(cli: Cli, server: FakeApi) -> None:
    result = cli(
        *ADD, "--tag", "team", "--base-url", "https://x.example", "--secret-stdin", given=f"{SECRET}\n"
    )
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    given = added(server)
    assert (given.vendor, given.label, given.tag, given.base_url) == (
        "openai",
        "main",
        "team",
        "https://x.example",
    )
    assert secret_of(given) == SECRET


def test_add_with_the_secret_from_the_environment(cli: Cli, server: FakeApi) -> None:
    result = cli(*ADD, "--json", CLAWBOT_KEY_SECRET=SECRET)
    assert json.loads(result.stdout) == samples.key("main")
    assert SECRET not in result.output
    assert secret_of(added(server)) == SECRET


def test_add_asks_a_person_without_echo(cli: Cli, server: FakeApi) -> None:
    cli.terminal = True
    result = cli(*ADD, given=f"{SECRET}\n")
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert secret_of(added(server)) == SECRET


def test_a_secret_is_never_an_argument(cli: Cli, server: FakeApi) -> None:
    for args in (("--secret", SECRET), (SECRET,), ("--secret-stdin=" + SECRET,)):
        assert cli(*ADD, *args).exit_code == 2
    assert server.asked == []


def test_add_with_nobody_to_ask(cli: Cli, server: FakeApi) -> None:
    result = cli(*ADD)
    assert result.exit_code == 2
    assert "--secret-stdin" in result.stderr
    assert "CLAWBOT_KEY_SECRET" in result.stderr
    assert server.calls("POST", "/api/provider-key") == []
    empty = cli(*ADD, "--secret-stdin", given="")
    assert "standard input is empty" in empty.stderr


def test_a_vendor_that_needs_no_key_is_not_asked_for_one(cli: Cli, server: FakeApi) -> None:
    local = ("key", "add", "--vendor", "ollama", "--label", "local", "--base-url", "http://127.0.0.1:11434")
    assert cli(*local).exit_code == 0
    assert added(server).secret is None
    cli.terminal = True
    assert cli(*local, given="\n").exit_code == 0
    assert added(server).secret is None


def test_an_unknown_vendor_names_the_known_ones(cli: Cli, server: FakeApi) -> None:
    result = cli("key", "add", "--vendor", "opnai", "--label", "x")
    assert "There is no vendor 'opnai'. There are: openai, ollama." in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--label", "x"), "--vendor is missing"),
        (("--vendor", "openai"), "--label is missing"),
        (("--simulated", "--vendor", "openai"), "--simulated brings its own vendor"),
        (("--simulated", "--secret-stdin"), "has no secret"),
    ],
)
def test_add_with_options_that_do_not_fit(
    cli: Cli, server: FakeApi, args: tuple[str, ...], said: str
) -> None:
    result = cli("key", "add", *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert server.asked == []


def test_add_simulated(cli: Cli, server: FakeApi) -> None:
    server.on("GET", "/api/system", samples.system())
    assert cli("key", "add", "--simulated", "--tag", "demo").exit_code == 0
    given = added(server)
    assert (given.vendor, given.label, given.tag, given.secret) == ("custom", "simulated", "demo", None)
    assert given.base_url == samples.system()["simulated_base_url"]
    assert given.api_type == "openai-chat"
    cli("key", "add", "--simulated", "--label", "mine")
    assert added(server).label == "mine"


def test_add_simulated_where_there_is_none(cli: Cli, server: FakeApi) -> None:
    server.on("GET", "/api/system", samples.system(simulator=False))
    result = cli("key", "add", "--simulated")
    assert result.exit_code == 1
    assert "This server has no simulated provider." in result.stderr


REST = {"state_reason": "rate_limited", "cooled_until": "2026-11-26T12:00:30Z"}
FAILED = {
    "state_reason": "bad_key",
    "state_detail": "The vendor refused the key (401).",
    "next_check_at": "2026-11-26T12:01:00Z",
}


def test_a_state_tells_why_and_until_when(cli: Cli, server: FakeApi) -> None:
    keys = [samples.key("fast", state="cooling", **REST), samples.key("dead", state="failed", **FAILED)]
    server.on("GET", "/api/provider-key", samples.page(*keys))
    listed = cli("key", "list").stdout.splitlines()
    assert "cooling until 2026-11-26 12:00:30Z (rate_limited)" in listed[1]
    assert "failed (bad_key)" in listed[2]
    server.on("PATCH", KEY, keys[1])
    shown = cli("key", "edit", "dead", "--label", "dead").stdout
    assert "The vendor refused the key (401)." in shown
    assert "2026-11-26 12:01:00Z" in shown


def test_health(cli: Cli, server: FakeApi) -> None:
    health = samples.key_health(
        samples.key("dead", state="failed", **FAILED), samples.key("main", last_used_at=samples.NOW)
    )
    server.on("GET", "/api/provider-key/health", health)
    lines = cli("key", "health").stdout.splitlines()
    assert "failed (bad_key)" in lines[1]
    assert "The vendor refused the key (401)." in lines[1]
    assert "2026-11-26 12:01:00Z" in lines[1]
    assert lines[2].split()[:3] == ["main", "openai", "active"]
    assert json.loads(cli("key", "health", "--json").stdout) == health
    server.on("GET", "/api/provider-key/health", samples.key_health())
    assert "key add" in cli("key", "health").stdout


@pytest.mark.parametrize("name", ["check", "verify"])
@pytest.mark.parametrize(("outcome", "code"), [("ok", 0), ("empty", 1), ("bad_key", 1), ("unknown", 1)])
def test_check(cli: Cli, server: FakeApi, outcome: str, code: int, name: str) -> None:
    check = samples.key_check(outcome, "What the vendor said.")
    server.on("POST", f"{KEY}/verify", check)
    result = cli("key", name, "main")
    assert result.exit_code == code
    assert "What the vendor said. (42 ms)" in result.stdout
    as_json = cli("key", name, samples.KEY_ID, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (code, check)


def test_models(cli: Cli, server: FakeApi) -> None:
    answer = {"models": ["a", "b"], "source": "catalogue"}
    server.on("GET", f"{KEY}/models", answer)
    result = cli("key", "models", "main")
    assert result.stdout.split() == ["MODEL", "a", "b"]
    assert "from our catalogue" in result.stderr
    assert json.loads(cli("key", "models", "main", "--json").stdout) == answer


def test_delete_says_who_uses_it_and_asks(cli: Cli, server: FakeApi) -> None:
    refused = cli("key", "delete", "main", given="no\n")
    assert refused.exit_code == 1
    assert "Bots that use it: helper." in refused.stderr
    assert server.calls("DELETE", KEY) == []
    assert cli("key", "delete", "main", given="main\n").exit_code == 0
    assert cli("key", "delete", "main", "--yes").stderr == "Key main is deleted.\n"
    assert len(server.calls("DELETE", KEY)) == 2


def test_edit_sends_what_changes_and_nothing_else(cli: Cli, server: FakeApi) -> None:
    cli("key", "edit", "main", "--label", "new", "--disable")
    cli("key", "edit", "main", "--no-tag", "--enable", "--notes", "")
    first, second = (one.body for one in server.calls("PATCH", KEY))
    assert first == {"label": "new", "enabled": False}
    assert second == {"tag": None, "enabled": True, "notes": ""}
    ProviderKeyPatch.model_validate(first)
    ProviderKeyPatch.model_validate(second)


def test_edit_replaces_the_secret_only_when_told(cli: Cli, server: FakeApi) -> None:
    cli("key", "edit", "main", "--label", "new", CLAWBOT_KEY_SECRET=SECRET)
    assert "secret" not in server.calls("PATCH", KEY)[-1].body
    results = [
        cli("key", "edit", "main", "--replace-secret", CLAWBOT_KEY_SECRET=SECRET),
        cli("key", "edit", "main", "--secret-stdin", given=SECRET),
    ]
    cli.terminal = True
    results.append(cli("key", "edit", "main", "--replace-secret", given=f"{SECRET}\n"))
    for result, asked in zip(results, server.calls("PATCH", KEY)[1:], strict=True):
        assert asked.body == {"secret": SECRET}
        assert SECRET not in result.output


@pytest.mark.parametrize(
    ("args", "said"), [((), "Nothing to change"), (("--tag", "a", "--no-tag"), "exclude")]
)
def test_edit_with_options_that_do_not_fit(
    cli: Cli, server: FakeApi, args: tuple[str, ...], said: str
) -> None:
    result = cli("key", "edit", "main", *args)
    assert result.exit_code == 2
    assert said in result.stderr
