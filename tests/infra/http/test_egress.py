"""Base URLs as they are written, and connections as they are made."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, check_base_url, guarded_session

STRICT = EgressPolicy()


class TestCheckBaseUrl:
    @pytest.mark.parametrize(
        ("url", "stored"),
        [
            ("https://api.example.com/v1/", "https://api.example.com/v1"),
            (" https://8.8.8.8 ", "https://8.8.8.8"),
            ("https://h.example:8443/a%20b", "https://h.example:8443/a%20b"),
        ],
    )
    def test_good(self, url: str, stored: str) -> None:
        assert check_base_url(url, STRICT) == stored

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://api.example.com", "plain_http"),
            ("https://localhost", "local_name"),
            ("https://metadata.google.internal", "local_name"),
            ("https://127.0.0.1", "loopback"),
            ("https://0x7f.1", "loopback"),
            ("https://2130706433", "loopback"),
            ("https://[::ffff:10.0.0.1]", "private"),
            ("https://169.254.169.254/latest", "metadata"),
            ("https://user:pass@api.example.com", "credentials"),
            ("https://api.example.com/?x=1", "malformed"),
            ("https://api.example.com/#f", "malformed"),
            ("https://api.example.com\\@evil", "malformed"),
            ("https://api.exa mple.com", "malformed"),
            ("https://api.example.com:99999", "malformed"),
            ("https://", "malformed"),
            ("ftp://api.example.com", "malformed"),
            ("file:///etc/passwd", "malformed"),
            ("simulated://provider", "malformed"),
        ],
    )
    def test_bad(self, url: str, reason: str) -> None:
        with pytest.raises(EgressDeniedError) as denied:
            check_base_url(url, STRICT)
        assert denied.value.reason == reason

    def test_allowed(self) -> None:
        policy = EgressPolicy.from_entries(["localhost:11434", "192.168.0.0/16"])
        assert check_base_url("http://localhost:11434", policy)
        assert check_base_url("http://192.168.4.4:8000/v1", policy)
        with pytest.raises(EgressDeniedError, match="CLAWBOT_EGRESS__ALLOW"):
            check_base_url("http://localhost:80", policy)

    def test_plain_http_allowed(self) -> None:
        policy = EgressPolicy.from_entries(allow_http=True)
        assert check_base_url("http://api.example.com", policy)
        with pytest.raises(EgressDeniedError):
            check_base_url("http://10.0.0.1", policy)


class _Resolver(AbstractResolver):
    """Resolves each name to the next address of its list: a name that changes its mind."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        address = self.addresses.pop(0)
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def _serve() -> tuple[web.AppRunner, int]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return runner, port


class TestConnecting:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
    )
    async def test_denied(self, host: str) -> None:
        async with guarded_session(STRICT) as session:
            with pytest.raises(EgressDeniedError, match="CLAWBOT_EGRESS__ALLOW"):
                await session.get(f"http://{host}:9/")

    @pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001"])
    async def test_odd_notations(self, host: str) -> None:
        async with guarded_session(STRICT) as session:
            with pytest.raises(EgressDeniedError):
                await session.get(f"http://{host}:9/")

    async def test_allowed_and_pinned(self) -> None:
        runner, port = await _serve()
        policy = EgressPolicy.from_entries([f"name.example:{port}"])
        async with guarded_session(policy) as session:
            assert session.connector is not None
            session.connector._resolver = _Resolver("127.0.0.1")  # type: ignore[attr-defined]
            answer = await session.get(f"http://name.example:{port}/")
            assert await answer.text() == "hello"
        await runner.cleanup()

    async def test_rebinding(self) -> None:
        async with guarded_session(STRICT) as session:
            assert session.connector is not None
            session.connector._resolver = _Resolver("127.0.0.1")  # type: ignore[attr-defined]
            with pytest.raises(EgressDeniedError):
                await session.get("http://looks-public.example/")
