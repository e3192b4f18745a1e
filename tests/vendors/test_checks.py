"""Key checks and model lists."""

from __future__ import annotations

import pytest

from clawbot_manager.vendors import checks
from clawbot_manager.vendors.addressing import NoBaseUrlError
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.records import Vendor
from clawbot_manager.vendors.simulator import MODELS, SIMULATED_BASE_URL

OWN = [one for one in load_catalog().vendors.values() if not one.needs_base_url]


def vendor(name: str) -> Vendor:
    return load_catalog().vendors[name]


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.id)
def test_the_catalogues_address_is_used(one: Vendor) -> None:
    check = checks.key_check(one, "secret-1")
    assert (check.method, check.url) == (one.key_check.method, one.key_check.url)
    assert checks.models_list(one, "secret-1").url == one.models.url
    assert sum("secret-1" in value for _, value in check.headers) == 1
    assert "secret-1" not in repr(check)


@pytest.mark.parametrize(
    ("name", "base", "api_type", "url"),
    [
        ("moonshot", "https://api.moonshot.cn/v1", None, "https://api.moonshot.cn/v1/models"),
        ("openai", "http://127.0.0.1:9", None, "http://127.0.0.1:9/v1/models"),
        ("anthropic", "http://127.0.0.1:9/v1", None, "http://127.0.0.1:9/v1/models?limit=1"),
        ("azure-openai", "https://r.openai.azure.com", None, "https://r.openai.azure.com/openai/v1/models"),
        ("custom", "https://h/v1/", None, "https://h/v1/models"),
        ("custom", "https://h/v1", "anthropic-messages", "https://h/v1/models"),
        ("custom", "https://h", "google-generatecontent", "https://h/v1beta/models"),
        ("custom", "https://h", "ollama", "https://h/api/tags"),
        ("ollama", "http://box:11434", None, "http://box:11434/api/tags"),
    ],
)
def test_own_base_url(name: str, base: str, api_type: str | None, url: str) -> None:
    assert checks.key_check(vendor(name), "s", base_url=base, api_type=api_type).url == url


def test_custom_anthropic_headers() -> None:
    check = checks.key_check(vendor("custom"), "s", base_url="https://h", api_type="anthropic-messages")
    assert ("x-api-key", "s") in check.headers
    assert ("anthropic-version", "2023-06-01") in check.headers


def test_no_base_url() -> None:
    with pytest.raises(NoBaseUrlError):
        checks.key_check(vendor("custom"), "s")


def test_no_secret_no_header() -> None:
    assert checks.key_check(vendor("ollama"), "").headers == (("accept", "application/json"),)


@pytest.mark.parametrize(
    ("name", "status", "body", "outcome", "reason"),
    [
        ("openai", 200, b"{}", "ok", None),
        ("openai", 401, b"{}", "bad_key", "bad_key"),
        ("openai", 403, b"{}", "unknown", "forbidden"),
        ("openai", 401, b'{"error":{"message":"Missing scopes: api.model.read"}}', "unknown", "forbidden"),
        ("openai", 429, b'{"error":{"type":"insufficient_quota"}}', "empty", "quota_exhausted"),
        ("openai", 429, b"{}", "unknown", "rate_limited"),
        ("deepseek", 402, b"{}", "empty", "quota_exhausted"),
        ("openai", 500, b"", "unknown", "server_error"),
        ("google", 400, b'{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}', "bad_key", "bad_key"),
        ("google", 400, b'{"error":{"status":"INVALID_ARGUMENT"}}', "unknown", "bad_request"),
        ("cohere", 200, b'{"valid": true}', "ok", None),
        ("cohere", 200, b'{"valid": false}', "bad_key", "bad_key"),
        ("perplexity", 401, b'{"error":{"message":"quota exceeded"}}', "empty", "quota_exhausted"),
    ],
)
def test_verdicts(name: str, status: int, body: bytes, outcome: str, reason: str | None) -> None:
    verdict = checks.judge(vendor(name), status, body)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


class TestBalance:
    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("deepseek", "https://api.deepseek.com/user/balance"),
            ("moonshot", "https://api.moonshot.ai/v1/users/me/balance"),
            ("siliconflow", "https://api.siliconflow.cn/v1/user/info"),
        ],
    )
    def test_asks_with_the_key_in_its_place(self, name: str, url: str) -> None:
        check = checks.balance_check(vendor(name), "secret-1")
        assert check is not None
        assert check.url == url
        assert sum("secret-1" in value for _, value in check.headers) == 1

    def test_a_regional_address_is_asked_there(self) -> None:
        check = checks.balance_check(vendor("moonshot"), "s", base_url="https://api.moonshot.cn/v1")
        assert check is not None
        assert check.url == "https://api.moonshot.cn/v1/users/me/balance"

    def test_most_vendors_tell_nothing_of_money(self) -> None:
        assert checks.balance_check(vendor("openai"), "s") is None

    @pytest.mark.parametrize(
        ("name", "status", "body", "outcome", "has_money"),
        [
            ("deepseek", 200, b'{"is_available":true}', "ok", True),
            ("deepseek", 200, b'{"is_available":false}', "empty", False),
            ("moonshot", 200, b'{"data":{"available_balance":49.5}}', "ok", True),
            ("moonshot", 200, b'{"data":{"available_balance":0}}', "empty", False),
            ("moonshot", 200, b'{"data":{"available_balance":-3.2}}', "empty", False),
            ("siliconflow", 200, b'{"data":{"totalBalance":"88.00"}}', "ok", True),
            ("siliconflow", 200, b'{"data":{"totalBalance":"0.00"}}', "empty", False),
            ("siliconflow", 200, b'{"data":{"totalBalance":null}}', "ok", None),
            ("deepseek", 200, b"<html>", "ok", None),
            ("deepseek", 404, b'{"is_available":false}', "ok", None),
            ("openai", 200, b'{"is_available":false}', "ok", None),
        ],
    )
    def test_what_the_answer_says(
        self, name: str, status: int, body: bytes, outcome: str, has_money: bool | None
    ) -> None:
        verdict = checks.judge_balance(vendor(name), checks.Verdict("ok", None, 200), status, body)
        assert (verdict.outcome, verdict.has_money) == (outcome, has_money)

    def test_a_bad_key_stays_one(self) -> None:
        bad = checks.Verdict("bad_key", "bad_key", 401)
        assert checks.judge_balance(vendor("deepseek"), bad, 200, b'{"is_available":true}') is bad


@pytest.mark.parametrize(
    ("name", "body", "models"),
    [
        ("openai", b'{"data":[{"id":"a"},{"id":"b"},{"id":"a"}]}', ["a", "b"]),
        ("google", b'{"models":[{"name":"models/g"}]}', ["g"]),
        ("together", b'[{"id":"x/y"}]', ["x/y"]),
        ("baichuan", b'{"data":[{"model":"B"}]}', ["B"]),
        ("ollama", b'{"models":[{"name":"m:1b"}]}', ["m:1b"]),
        ("openai", b"<html>", []),
        ("openai", b'{"data":[1,null,{"id":3}]}', []),
    ],
)
def test_models(name: str, body: bytes, models: list[str]) -> None:
    assert checks.parse_models(vendor(name), body) == models


def test_simulated_is_answered_locally() -> None:
    request = checks.models_list(vendor("custom"), "", base_url=SIMULATED_BASE_URL)
    answered = checks.answer_locally(request)
    assert answered is not None
    assert checks.parse_models(vendor("custom"), answered[1]) == list(MODELS)
    assert checks.answer_locally(checks.key_check(vendor("openai"), "s")) is None
