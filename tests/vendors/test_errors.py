"""What an error answer means, by the vendors' rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.control.dataplane.rests import EFFECTS
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.errors import MOVES_ON, classify
from clawbot_manager.vendors.records import ErrorRule, Vendor


@pytest.mark.parametrize(
    ("vendor", "dialect", "status", "body", "kind"),
    [
        ("openai", "openai-chat", 401, b"", "bad_key"),
        ("openai", "openai-chat", 429, b'{"error":{"type":"insufficient_quota"}}', "quota_exhausted"),
        ("openai", "openai-chat", 429, b'{"error":{"message":"please SLOW_DOWN"}}', "overloaded"),
        ("openai", "openai-chat", 429, b"<html>", "rate_limited"),
        ("dashscope", "openai-chat", 429, b'{"error":{"code":"insufficient_quota"}}', "rate_limited"),
        ("anthropic", "anthropic-messages", 529, b'{"error":{"type":"overloaded_error"}}', "overloaded"),
        (
            "anthropic",
            "anthropic-messages",
            429,
            b'{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}',
            "quota_exhausted",
        ),
        ("google", None, 400, b'{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}', "bad_key"),
        ("google", None, 400, b'{"error":{"status":"INVALID_ARGUMENT"}}', "bad_request"),
        ("zhipu", "openai-chat", 429, b'{"error":{"code":"1113","message":"x"}}', "quota_exhausted"),
        ("zhipu", "openai-chat", 429, b'{"error":{"code":1305,"message":"x"}}', "overloaded"),
        ("minimax", "openai-chat", 500, b'{"error":{"message":"no money (1008)"}}', "quota_exhausted"),
        ("minimax", "anthropic-messages", 400, b'{"error":{"type":"authentication_error"}}', "bad_key"),
        ("venice", "openai-chat", 401, b'{"error":"This is only available to Pro users"}', "forbidden"),
        ("siliconflow", "openai-chat", 403, b'{"code":1,"message":"balance is low"}', "quota_exhausted"),
        ("siliconflow", "openai-chat", 401, b'"Invalid token"', "bad_key"),
        ("fireworks", "openai-chat", 412, b"{}", "quota_exhausted"),
        ("mistral", "openai-chat", 429, b'{"message":"monthly limit"}', "quota_exhausted"),
        ("yi", "openai-chat", 500, b"", "server_error"),
        ("yi", "openai-chat", 418, b"", "bad_request"),
        ("yi", "openai-chat", 524, b"", "timeout"),
        ("yi", "openai-chat", 429, b'{"error":{"message":"\xff is no UTF-8"}}', "rate_limited"),
    ],
)
def test_kinds(vendor: str, dialect: str | None, status: int, body: bytes, kind: str) -> None:
    assert classify(load_catalog().vendors[vendor], dialect, status, body) == kind


@given(
    vendor=st.sampled_from(load_catalog().ids),
    status=st.integers(min_value=400, max_value=599),
    body=st.binary(max_size=60)
    | st.binary(max_size=9).map(lambda text: b'{"error":{"message":"%b"}}' % text),
)
def test_never_raises(vendor: str, status: int, body: bytes) -> None:
    assert classify(load_catalog().vendors[vendor], "anthropic-messages", status, body)


def _body_for(vendor: Vendor, rule: ErrorRule) -> bytes:
    """The smallest body that a rule is about, at the first of the places where the vendor has such things."""
    body: dict[str, Any] = {}
    rules = vendor.errors
    if rule.type is not None:
        _put(body, rules.type_at[0], rule.type)
    if rule.code is not None:
        _put(body, rules.code_at[0], rule.code)
    if rule.message is not None:
        _put(body, rules.message_at[0], f"Sorry: {rule.message.upper()}.")
    return msgspec.json.encode(body)


def _put(body: dict[str, Any], path: str, value: str) -> None:
    *steps, last = path.split(".")
    for step in steps:
        inner: dict[str, Any] = {}
        found = body.setdefault(step.removesuffix("[]"), [inner] if step.endswith("[]") else inner)
        body = found[0] if isinstance(found, list) else found
    body[last] = value


EVERY_RULE = [
    pytest.param(vendor, rule, id=f"{vendor.id}-{rule.status}-{rule.type or rule.code or rule.message}")
    for vendor in load_catalog().vendors.values()
    for rule in vendor.errors.rules
]


@pytest.mark.parametrize(("vendor", "rule"), EVERY_RULE)
def test_every_rule_of_every_vendor_decides(vendor: Vendor, rule: ErrorRule) -> None:
    """No rule stands in the shadow of an earlier one."""
    assert classify(vendor, None, rule.status or 400, _body_for(vendor, rule)) == rule.kind


class TestWhoseFault:
    """The four that the key pays for, and those that are the caller's: by the vendors' documents."""

    @pytest.mark.parametrize("vendor", load_catalog().ids)
    def test_a_plain_401_is_a_dead_key_and_a_plain_429_a_rate_limit(self, vendor: str) -> None:
        facts = load_catalog().vendors[vendor]
        assert classify(facts, None, 401, b"") == "bad_key"
        assert classify(facts, None, 429, b"") == "rate_limited"
        assert classify(facts, None, 403, b"") == "forbidden"

    @pytest.mark.parametrize(
        ("vendor", "status", "body"),
        [
            ("openai", 401, b'{"error":{"message":"OpenAI-Organization","code":"mismatched_organization"}}'),
            ("openai", 401, b'{"error":{"message":"... Missing scopes: model.request. ...","code":null}}'),
            ("venice", 401, b'{"error":"This model is only available to Pro users"}'),
            ("doubao", 404, b'{"error":{"code":"ModelNotOpen"}}'),
            ("zhipu", 403, b'{"error":{"code":"1220"}}'),
            ("siliconflow", 403, b'{"code":20012,"message":"real-name check"}'),
            ("google", 403, b'{"error":{"status":"PERMISSION_DENIED"}}'),
        ],
    )
    def test_a_model_or_resource_that_the_key_may_not_use_is_the_callers(
        self, vendor: str, status: int, body: bytes
    ) -> None:
        kind = classify(load_catalog().vendors[vendor], None, status, body)
        assert kind == "forbidden"
        assert kind not in MOVES_ON
        assert kind not in EFFECTS

    def test_each_kind_that_moves_on_has_its_meaning_for_the_key(self) -> None:
        assert EFFECTS.keys() >= MOVES_ON
