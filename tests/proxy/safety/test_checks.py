"""Questions about keys go out by the same rules as the requests of bots."""

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
from tests.support.raw import Call, RawProvider

SECRET = "sk-the-key-that-is-asked-about"
BOX = SecretBox({1: bytes(range(32))})


def prober(*allow: str) -> VendorProber:
    return VendorProber(load_catalog(), BOX, EgressPolicy.from_entries(allow), SystemClock())


def stored(base_url: str) -> ProviderKey:
    now = datetime.now(UTC)
    key = ProviderKey(
        id=uuid7(),
        owner_kind="user",
        owner_id=uuid7(),
        vendor="openai",
        label="a key",
        base_url=base_url,
        created_at=now,
        updated_at=now,
        version=1,
    )
    key.sealed_secret = BOX.seal(SECRET, context=key.seal_context)
    return key


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """Neither to another host nor to another place of the same: the key is for the address that was given."""
    async with RawProvider().serving() as evil:
        places = [f"{evil.url}/stolen", "/elsewhere"]

        async def answer(call: Call) -> None:
            await call.answer(b"", b"location: " + places[0].encode(), status=b"%d Moved" % status)

        async with RawProvider(answer).serving() as provider:
            for _ in range(len(places)):
                told = await prober("127.0.0.1").check(stored(f"{provider.url}/v1"))
                assert told.result == "unknown"
                places.reverse()
            listed = await prober("127.0.0.1").models(stored(f"{provider.url}/v1"))
            assert listed.source == "catalogue"
            assert len(provider.heads) == 3
            assert all(call.target == b"/v1/models" for call in provider.heads)
        assert evil.accepted == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254"],
)
async def test_addresses_inside_are_not_asked(host: str) -> None:
    async with RawProvider().serving() as provider:
        told = await prober().check(stored(f"http://{host}:{provider.port}/v1"))
        assert told.result == "unknown"
        assert provider.accepted == 0


async def test_what_the_provider_says_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that quotes the key does not get into the verdict, which is stored and shown."""

    async def answer(call: Call) -> None:
        body = b'{"error":{"message":"bad key %b","code":"invalid_api_key"}}' % SECRET.encode()
        await call.answer(body, b"content-type: application/json", status=b"401 " + SECRET.encode())

    async with RawProvider(answer).serving() as provider, RawProvider().serving() as intruder:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, intruder.url)
        told = await prober("127.0.0.1").check(stored(f"{provider.url}/v1"))
        assert told.result == "bad_key"
        assert SECRET not in repr(told)
        assert intruder.accepted == 0
