"""`usage ...`, `vendor list` and `persona list`."""

import json

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
    ]
    assert none[4] == "(simulated)"
    assert none[8:11] == ["–", "–", "none"]
    assert api.asked[0].query == {"limit": "50", "hostname": "helper", "vendor": "openai"}
    assert json.loads(cli("usage", "list", "--json").stdout) == page


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
