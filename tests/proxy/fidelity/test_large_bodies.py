"""Uploads and downloads larger than memory: the proxy's process does not grow with them."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proxy.rig import FILES, request
from tests.support.raw import Call, RawClient, RawProvider, status_of, value_of

PIECE = random.Random(8).randbytes(1 << 20)
PIECES = 300  # MiB
GROWTH = 24 << 20
ROOT = Path(__file__).parents[3]


@dataclass
class LoneProxy:
    """The process, and what it has taken at most."""

    pid: int
    port: int

    @property
    def peak(self) -> int:
        """Bytes of memory at most since `forget`."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) << 10

    def forget(self) -> None:
        """Begin to measure the peak anew (Linux, proc(5): clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@asynccontextmanager
async def lone_proxy(provider: str) -> AsyncIterator[LoneProxy]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.proxy.fidelity.lone_proxy",
        provider,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield LoneProxy(process.pid, int(await asyncio.wait_for(process.stdout.readline(), 60)))
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 30)


def digest(pieces: int) -> bytes:
    wanted = hashlib.sha1(usedforsecurity=False)
    for _ in range(pieces):
        wanted.update(PIECE)
    return wanted.digest()


@pytest.mark.parametrize("framing", ["counted", "chunked"])
async def test_upload(framing: str) -> None:
    got = hashlib.sha1(usedforsecurity=False)

    async def answer(call: Call) -> None:
        async for piece in call.pieces():
            got.update(piece)
        await call.answer()

    how = f"content-length: {PIECES << 20}" if framing == "counted" else "transfer-encoding: chunked"
    head = request("POST", FILES, "content-type: multipart/form-data; boundary=x", how)
    async with RawProvider(answer).serving() as provider, lone_proxy(provider.url) as proxy:
        client = await RawClient.connect(proxy.port)
        await client.send(request())
        assert status_of((await client.answer())[0]) == 200
        proxy.forget()
        before = proxy.peak
        await client.send(head)
        for _ in range(PIECES):
            await client.send(PIECE if framing == "counted" else b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        if framing == "chunked":
            await client.send(b"0\r\n\r\n")
        assert status_of((await client.answer())[0]) == 200
        assert got.digest() == digest(PIECES)
        assert proxy.peak - before < GROWTH
        client.close()


@pytest.mark.parametrize("framing", ["counted", "chunked", "until-close"])
async def test_download(framing: str) -> None:
    async def answer(call: Call) -> None:
        if call.target.endswith(b"models"):
            await call.answer()
            return
        lines = {
            "counted": b"content-length: %d\r\n" % (PIECES << 20),
            "chunked": b"transfer-encoding: chunked\r\n",
            "until-close": b"",
        }
        await call.send(b"HTTP/1.1 200 OK\r\n" + lines[framing] + b"\r\n")
        for _ in range(PIECES):
            await (call.chunk(PIECE) if framing == "chunked" else call.send(PIECE))
        if framing == "chunked":
            await call.chunk(b"")
        if framing == "until-close":
            call.writer.close()

    got = hashlib.sha1(usedforsecurity=False)
    async with RawProvider(answer).serving() as provider, lone_proxy(provider.url) as proxy:
        client = await RawClient.connect(proxy.port)
        await client.send(request())
        await client.answer()
        proxy.forget()
        before = proxy.peak
        await client.send(request(target="/v1/openai/v1/files/f/content"))
        head = await client.head()
        if value_of(head, b"content-length") is not None:
            for _ in range(PIECES):
                got.update(await client.exactly(1 << 20))
        else:
            while piece := await client.chunk():
                got.update(piece)
        assert got.digest() == digest(PIECES)
        assert proxy.peak - before < GROWTH
        client.close()
