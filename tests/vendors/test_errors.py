"""What an error answer means, by the vendors' rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.errors import classify, retry_after


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
    ],
)
def test_kinds(vendor: str, dialect: str | None, status: int, body: bytes, kind: str) -> None:
    assert classify(load_catalog().vendors[vendor], dialect, status, body) == kind


@given(
    vendor=st.sampled_from(load_catalog().ids),
    status=st.integers(min_value=400, max_value=599),
    body=st.binary(max_size=60),
)
def test_never_raises(vendor: str, status: int, body: bytes) -> None:
    assert classify(load_catalog().vendors[vendor], "anthropic-messages", status, body)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "body", "seconds"),
        [
            ([("Retry-After", "7")], b"", 7.0),
            ([("retry-after-ms", "1500"), ("retry-after", "9")], b"", 1.5),
            ([("retry-after", "soon")], b"", None),
            ([("retry-after", "-3")], b"", 0.0),
            ([("retry-after", "1e99")], b"", 86_400.0),
            ([], b'{"error":{"details":[{"retryDelay":"34s"}]}}', 34.0),
            ([], b"", None),
        ],
    )
    def test_forms(self, headers: list[tuple[str, str]], body: bytes, seconds: float | None) -> None:
        assert retry_after(headers, body) == seconds

    def test_date(self) -> None:
        moment = datetime.now(UTC) + timedelta(hours=1)
        wait = retry_after([("retry-after", format_datetime(moment, usegmt=True))])
        assert wait is not None
        assert 3000 < wait <= 3600
