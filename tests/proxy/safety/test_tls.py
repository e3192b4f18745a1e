"""TLS to providers: who can't prove to be the provider gets not one byte of the request."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from clawbot_manager.infra.http import EgressPolicy
from tests.proxy.rig import CHAT, SECRET, TOKEN, Rig, chat, request, until
from tests.support.certificates import Authority
from tests.support.raw import Call, RawProvider, status_of, value_of

LOCAL = EgressPolicy.from_entries(["127.0.0.1", "::1"])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def rig_for(host: str = "localhost") -> Rig:
    """A rig whose key names the provider by this host."""

    class Named(RawProvider):
        @property
        def url(self) -> str:
            return f"{self.scheme}://{host}:{self.port}"

    return Rig(provider=Named(), policy=LOCAL)


async def refused(rig: Rig) -> bytes | None:
    """Ask; the proxy's error code."""
    client = await rig.client()
    await client.send(chat())
    head, body = await client.answer()
    assert SECRET.encode() not in body
    return value_of(head, b"x-clawbot-error")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_provider_that_is_who_it_says(authority: Authority, host: str) -> None:
    async with rig_for(host).running(served=authority.server(host), trusts=authority.trusting()) as rig:
        body = random.Random(1).randbytes(1 << 20)

        async def answer(call: Call) -> None:
            await call.body()
            await call.answer(body)

        rig.provider.answering = answer
        client = await rig.client()
        for _ in range(3):
            await client.send(request("POST", CHAT, body=b'{"model":"m"}'))
            head, got = await client.answer()
            assert (status_of(head), got) == (200, body)
        assert rig.provider.accepted == 1


@pytest.mark.parametrize(
    ("names", "days", "self_signed"),
    [
        (("elsewhere.example",), (-1, 30), False),
        (("127.0.0.1",), (-1, 30), False),
        (("*.localhost",), (-1, 30), False),
        (("localhost",), (-30, -1), False),
        (("localhost",), (1, 30), False),
        (("localhost",), (-1, 30), True),
    ],
    ids=["wrong-name", "address-only", "wildcard", "expired", "not-yet-valid", "self-signed"],
)
async def test_a_certificate_not_to_trust(
    authority: Authority, names: tuple[str, ...], days: tuple[int, int], self_signed: bool
) -> None:
    served = authority.server(*names, days=days, self_signed=self_signed)
    async with rig_for().running(served=served, trusts=authority.trusting()) as rig:
        assert await refused(rig) == b"upstream_untrusted"
        assert not rig.provider.heads
        assert len(rig.server.pool) == 0
        record = (await rig.records())[0]
        assert (record.status, record.error_code) == (502, "upstream_untrusted")
        assert rig.keys.reports[0].reason == "tls_refused"


async def test_an_authority_that_nobody_knows(authority: Authority) -> None:
    """The usual trust store, which the test's authority is not in."""
    async with rig_for().running(served=authority.server("localhost")) as rig:
        assert await refused(rig) == b"upstream_untrusted"
        assert not rig.provider.heads


async def test_a_private_authority_by_openssls_own_variable(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with rig_for().running(served=authority.server("localhost")) as rig:
        assert await refused(rig) is None
        assert len(rig.provider.heads) == 1


async def test_no_tls_where_it_should_be() -> None:
    """A provider that speaks plain HTTP on the port of an https address."""

    async def puzzled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read(1 << 16))
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    got = bytearray()
    server = await asyncio.start_server(puzzled, "127.0.0.1", 0)
    async with rig_for().running() as rig:
        rig.keys.keys.clear()
        rig.add_key("openai", base_url=f"https://localhost:{server.sockets[0].getsockname()[1]}")
        assert await refused(rig) == b"upstream_untrusted"
    server.close()
    assert SECRET.encode() not in got


async def test_a_handshake_that_stalls() -> None:
    """Nothing but the greeting of TLS has been sent by then, and nothing is left open."""
    got = bytearray()
    closed = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            got.extend(data)
        closed.set()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with rig_for().running(connect_timeout=0.3) as rig:
        rig.keys.keys.clear()
        rig.add_key("openai", base_url=f"https://127.0.0.1:{port}")
        assert await refused(rig) == b"upstream_timeout"
        await asyncio.wait_for(closed.wait(), 20)
        assert rig.keys.reports[0].reason == "connect_timeout"
        assert len(rig.server.pool) == 0
    server.close()
    assert got.startswith(b"\x16\x03")
    for secret in (SECRET, TOKEN, "chat/completions"):
        assert secret.encode() not in got


async def test_name_and_protocol_in_the_handshake(authority: Authority) -> None:
    named: list[str | None] = []
    spoken: list[str | None] = []
    served = authority.server("localhost", "127.0.0.1")
    served.set_alpn_protocols(["h2", "http/1.1"])
    served.sni_callback = lambda _socket, name, _context: named.append(name)

    async def answer(call: Call) -> None:
        tls: Any = call.writer.get_extra_info("ssl_object")
        spoken.append(tls.selected_alpn_protocol())
        await call.body()
        await call.answer()

    for host in ("localhost", "127.0.0.1"):
        async with rig_for(host).running(served=served) as rig:
            rig.provider.answering = answer
            trusts = authority.trusting()
            trusts.set_alpn_protocols(["http/1.1"])
            rig.server.pool._tls = trusts
            assert await refused(rig) is None
    assert named == ["localhost", None]
    assert spoken == ["http/1.1", "http/1.1"]


async def test_the_context_of_production() -> None:
    async with rig_for().running() as rig:
        context = rig.server.pool._context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_connection_that_is_cut_in_the_handshake_leaves_nothing(authority: Authority) -> None:
    async with rig_for().running(served=authority.server("elsewhere.example")) as rig:
        for _ in range(20):
            assert await refused(rig) == b"upstream_untrusted"
        await until(lambda: rig.provider.open == 0)
        assert len(rig.server.pool) == 0


@pytest.mark.parametrize("cut", ["fin", "rst"])
async def test_an_answer_that_tls_does_not_end_is_broken(authority: Authority, cut: str) -> None:
    """A cut without close_notify, where only the end of the connection tells the end of the answer."""

    async def answer(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\n\r\nabc")
        if cut == "rst":
            call.reset()
            return
        with socket.socket(fileno=os.dup(call.writer.get_extra_info("socket").fileno())) as plain:
            plain.shutdown(socket.SHUT_WR)
        await call.gone()

    async with rig_for().running(served=authority.server("localhost"), trusts=authority.trusting()) as rig:
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(request())
        await client.head()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunks()
        assert (await rig.records())[0].error_code == "upstream_broken"
