"""`usage ...`, `vendor list` and `persona list`."""

import json
from uuid import UUID

from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import FakeApi


def test_usage_list_tells_unknown_from_zero(cli: Cli, api: FakeApi) -> None:
    unknown = samples.usage(input_tokens=None, output_tokens=None, usage_source="none", is_simulated=True)
    page = samples.page(samples.usage(), unknown)
    api.on("GET", "/api/usage", page)
    result = cli("usage", "list", "--bot", "helper", "--vendor", "openai")
    _, known, none = (line.split() for line in result.stdout.splitlines())
    assert known[2:] == [
        "helper",
        "openai",
        "gpt-5-mini-2026",
        "200",
        "–",
        "1234",
        "0",
        "provider",
        "987",
        "ms",
        "main",
        "1",
        "t",
    ]
    assert none[4] == "(simulated)"
    assert none[8:11] == ["–", "–", "none"]
    assert api.asked[0].query == {"limit": "50", "hostname": "helper", "vendor": "openai"}
    assert json.loads(cli("usage", "list", "--json").stdout) == page


def test_usage_list_of_what_failed(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/usage", samples.page())
    assert cli("usage", "list", "--failed").stdout == "No requests yet.\n"
    assert api.asked[0].query == {"limit": "50", "failed": "true"}


def test_usage_show(cli: Cli, api: FakeApi) -> None:
    attempts = [
        {"key_id": UUID(int=7), "key_label": "first", "status": 429, "reason": "rate_limited"},
        {"key_id": UUID(int=8), "key_label": None, "status": None, "reason": "connect_error"},
        {"key_id": None, "key_label": None, "status": None, "reason": None},
    ]
    full = samples.usage(
        attempts=attempts,
        details={"service_tier": "flex", "audio_input_tokens": 5},
        usage_source="estimated",
        error_code="upstream_broken",
    )
    page = samples.page(full, samples.usage(is_simulated=True, streamed=False))
    api.on("GET", "/api/usage", page)
    first, second = cli("usage", "show", "t" * 32).stdout.split("\n\n")
    facts = dict(line.split("  ", 1) for line in first.splitlines() if not line.startswith(" "))
    told = {name: value.strip() for name, value in facts.items()}
    assert told["trace"] == "t"
    assert told["vendor"] == "openai"
    assert told["request"] == "POST /chat/completions (streamed)"
    assert told["error"] == "upstream_broken"
    assert told["counted by"] == "an estimate, from the sizes of request and answer"
    assert told["first byte after"] == "100 ms"
    assert [line.strip() for line in first.splitlines()[-3:]] == [
        "attempts                first: 429 rate_limited",
        f"{UUID(int=8)}: connect_error",
        "no key: no answer",
    ]
    assert "audio_input_tokens 5" in first
    assert "service_tier flex" in first
    assert "openai (simulated)" in second
    assert "(streamed)" not in second
    assert api.asked[0].query == {"limit": "200", "trace_id": "t" * 32}
    assert json.loads(cli("usage", "show", "t", "--json").stdout) == page


def test_usage_show_of_nothing(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/usage", samples.page())
    result = cli("usage", "show", "nobody")
    assert result.exit_code == 1
    assert "no request with the trace id nobody" in result.stderr


def test_usage_summary(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/usage/summary", samples.summary())
    result = cli("usage", "summary", "--days", "30")
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert rows == [
        ["all", "–", "3", "1", "1500", "77"],
        ["vendor", "openai", "3", "1", "1500", "77"],
        ["bot", "helper", "3", "1", "1500", "77"],
    ]
    assert api.asked[0].query == {"days": "30"}
    assert json.loads(cli("usage", "summary", "--json").stdout) == samples.summary()


def test_vendor_list(cli: Cli, api: FakeApi) -> None:
    vendors = [samples.vendor(), samples.vendor("ollama", key_required=False, needs_base_url=True)]
    api.on("GET", "/api/vendor", vendors)
    rows = [line.split() for line in cli("vendor", "list").stdout.splitlines()[1:]]
    assert rows[0] == ["openai", "Openai", "global", "openai-chat", "yes", "no", "gpt-5-mini"]
    assert rows[1][4:6] == ["no", "yes"]
    assert json.loads(cli("vendor", "list", "--json").stdout) == vendors


def test_persona_list_is_in_the_callers_language(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/user/me", samples.user())
    api.on("GET", "/api/persona-template", [samples.template()])
    assert "编程助手" in cli("persona", "list").stdout
    assert json.loads(cli("persona", "list", "--locale", "en", "--json").stdout) == [samples.template()]
    assert [one.query["locale"] for one in api.calls("GET", "/api/persona-template")] == ["zh-CN", "en"]
