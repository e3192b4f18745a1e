"""How long a provider asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.waits import wait_asked

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
UNIX = NOW.timestamp()


def wait(vendor: str, headers: dict[str, str], body: bytes = b"") -> float | None:
    return wait_asked(load_catalog().vendors[vendor], headers.items(), body, NOW)


def http_date(**ahead: float) -> str:
    return format_datetime(NOW + timedelta(**ahead), usegmt=True)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"Retry-After": http_date(seconds=90)}, 90.0),
            ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
            ({"retry-after-ms": "", "retry-after": "9"}, 9.0),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "nan"}, None),
            ({"retry-after": "-3"}, 0.0),
            ({"retry-after": http_date(hours=-1)}, 0.0),
            ({"retry-after": "99999999"}, 86_400.0),
            ({"retry-after": http_date(days=400)}, 86_400.0),
            ({}, None),
        ],
    )
    def test_both_forms_within_bounds(self, headers: dict[str, str], seconds: float | None) -> None:
        assert wait("openai", headers) == seconds

    def test_any_vendor_may_send_it(self) -> None:
        assert {wait(vendor, {"retry-after": "7"}) for vendor in load_catalog().ids} == {7.0}

    def test_a_date_counts_from_the_providers_own_clock(self) -> None:
        skewed = {"date": http_date(hours=2), "retry-after": http_date(hours=2, seconds=20)}
        assert wait("openai", skewed) == 20.0


class TestGoogle:
    BODY = b'{"error":{"details":[{"@type":"x"},{"@type":"google.rpc.RetryInfo","retryDelay":"%s"}]}}'

    @pytest.mark.parametrize(("delay", "seconds"), [(b"34s", 34.0), (b"34.5s", 34.5), (b"34", None)])
    def test_retry_info(self, delay: bytes, seconds: float | None) -> None:
        assert wait("google", {}, self.BODY % delay) == seconds

    def test_the_header_comes_first(self) -> None:
        assert wait("google", {"retry-after": "3"}, self.BODY % b"34s") == 3.0


class TestResetHeaders:
    def limits(self, **left: str) -> dict[str, str]:
        return {
            "x-ratelimit-remaining-requests": left.get("requests", "9"),
            "x-ratelimit-reset-requests": left.get("requests_reset", "6m0s"),
            "x-ratelimit-remaining-tokens": left.get("tokens", "9000"),
            "x-ratelimit-reset-tokens": left.get("tokens_reset", "1s"),
        }

    def test_only_that_of_the_limit_that_is_used_up_counts(self) -> None:
        assert wait("openai", self.limits(requests="0")) == 360.0
        assert wait("openai", self.limits(tokens="0")) == 1.0
        assert wait("openai", self.limits(tokens="-12")) == 1.0
        assert wait("openai", self.limits(requests="0", tokens="0")) == 360.0
        assert wait("openai", self.limits()) is None

    def test_retry_after_comes_first(self) -> None:
        assert wait("openai", {**self.limits(requests="0"), "retry-after": "2"}) == 2.0

    @pytest.mark.parametrize(
        ("reset", "seconds"),
        [
            ("1s", 1.0),
            ("6m0s", 360.0),
            ("2m59.56s", 179.56),
            ("120ms", 0.12),
            ("1h30m", 5400.0),
            ("1d", 86_400.0),
            ("25h", 86_400.0),
            ("45", 45.0),
            (str(int(UNIX) + 33), 33.0),
            (str(int(UNIX) * 1000 + 33_000), 33.0),
            ("2026-11-26T12:01:10Z", 70.0),
            ("2026-11-26T20:01:10+08:00", 70.0),
            (http_date(seconds=5), 5.0),
            ("2026-11-26T11:00:00Z", 0.0),
            ("6 minutes", None),
            ("", None),
            ("s", None),
        ],
    )
    def test_forms(self, reset: str, seconds: float | None) -> None:
        found = wait("openai", self.limits(requests="0", requests_reset=reset))
        assert found == (None if seconds is None else pytest.approx(seconds))

    def test_anthropic(self) -> None:
        headers = {
            "anthropic-ratelimit-requests-remaining": "3",
            "anthropic-ratelimit-requests-reset": "2026-11-26T12:30:00Z",
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2026-11-26T12:00:12Z",
        }
        assert wait("anthropic", headers) == 12.0

    def test_venice_mixes_unix_time_and_seconds(self) -> None:
        both = self.limits(requests="0", requests_reset=str(int(UNIX) + 40), tokens="0", tokens_reset="7")
        assert wait("venice", both) == 40.0
        assert wait("venice", {**both, "x-ratelimit-remaining-requests": "1"}) == 7.0

    def test_the_only_limit_may_leave_out_what_is_left(self) -> None:
        assert wait("moonshot", {"X-RateLimit-Reset": "13"}) == 13.0
        assert wait("moonshot", {"X-RateLimit-Reset": "13", "X-RateLimit-Remaining": "5"}) is None
        assert wait("openai", {"x-ratelimit-reset-requests": "1s"}) is None

    def test_a_header_that_the_vendor_does_not_document_is_not_read(self) -> None:
        assert wait("deepseek", self.limits(requests="0")) is None


@given(
    vendor=st.sampled_from(load_catalog().ids),
    value=st.one_of(st.text(max_size=40), st.floats().map(str), st.integers().map(str)),
    body=st.binary(max_size=60),
)
def test_never_raises_and_keeps_within_bounds(vendor: str, value: str, body: bytes) -> None:
    facts = load_catalog().vendors[vendor]
    names = ["date", "retry-after", "retry-after-ms"]
    names += [name for limit in facts.limits for name in (limit.remaining, limit.reset)]
    for name in names:
        zero = dict.fromkeys((limit.remaining for limit in facts.limits), "0")
        found = wait_asked(facts, {**zero, name: value}.items(), body + b'"retryDelay":', NOW)
        assert found is None or 0 <= found <= 86_400
