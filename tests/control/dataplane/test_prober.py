"""What the check of a key says to a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clawbot_manager.control.dataplane.prober import VendorProber
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.http import EgressPolicy
from clawbot_manager.kit.clock import SystemClock
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.checks import CheckRequest

BOX = SecretBox({1: bytes(range(32))})


class Refusing(VendorProber):
    """A prober whose every vendor says 401; it notes where it asked."""

    def __init__(self) -> None:
        super().__init__(load_catalog(), BOX, EgressPolicy.from_entries([]), SystemClock())
        self.asked: list[str] = []

    async def _send(self, request: CheckRequest) -> tuple[int, bytes]:
        self.asked.append(request.url)
        return 401, b'{"error":{"message":"Invalid Authentication"}}'


def stored(vendor: str, base_url: str | None) -> ProviderKey:
    now = datetime.now(UTC)
    key = ProviderKey(
        id=uuid7(),
        owner_kind="user",
        owner_id=uuid7(),
        vendor=vendor,
        label="a key",
        base_url=base_url,
        created_at=now,
        updated_at=now,
        version=1,
    )
    key.sealed_secret = BOX.seal("sk-0123456789abcdef", context=key.seal_context)
    return key


@pytest.mark.parametrize(
    ("vendor", "base_url", "asked", "detail"),
    [
        (
            "moonshot",
            "https://api.moonshot.cn/v1",
            "https://api.moonshot.cn/v1/models",
            (
                "The vendor refuses the key. If it belongs to another region or plan, set that one's base "
                "URL: https://api.moonshot.ai/v1, https://api.kimi.com/coding/v1."
            ),
        ),
        ("deepseek", None, "https://api.deepseek.com/models", "The vendor refuses the key."),
    ],
)
async def test_a_refused_key_may_belong_elsewhere(
    vendor: str, base_url: str | None, asked: str, detail: str
) -> None:
    """The advice names the other places; the key itself is sent to its own only."""
    prober = Refusing()
    told = await prober.check(stored(vendor, base_url))
    assert (told.result, told.detail) == ("bad_key", detail)
    assert prober.asked == [asked]


async def test_a_plan_without_a_free_question() -> None:
    prober = Refusing()
    told = await prober.check(stored("doubao", "https://ark.cn-beijing.volces.com/api/plan"))
    assert told.result == "unknown"
    assert "nothing that could be asked for free" in told.detail
    assert prober.asked == []
