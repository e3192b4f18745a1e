"""Where the proxy connects: looked at when the connection is made, by the address it is made to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clawbot_manager.infra.http import EgressPolicy
from tests.proxy.rig import TOKEN, Rig, request
from tests.support.raw import RawProvider, status_of, value_of

PUBLIC = "93.184.216.34"


@dataclass
class Resolver:
    """Stands for `loop.getaddrinfo`: each name has a list of what it resolves to, one after the other."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            return await asyncio.to_thread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]


@dataclass
class Net:
    """A proxy under a policy, names under our control, and the addresses that it connects to."""

    rig: Rig
    resolver: Resolver
    connected: list[str] = field(default_factory=list)

    def hurry(self) -> None:
        """Wait for connections less long."""
        self.rig.server.pool._config = replace(self.rig.config, connect_timeout=0.2)

    async def ask(self, base_url: str) -> bytes | None:
        """The proxy's error code for a key with this base URL; None when the provider answered."""
        self.rig.keys.keys.clear()
        self.rig.add_key("custom", base_url=base_url)
        client = await self.rig.client()
        await client.send(request(target="/v1/custom/models"))
        head, _ = await client.answer()
        assert status_of(head) in (200, 502, 504), head
        client.close()
        return value_of(head, b"x-clawbot-error")


@pytest.fixture
def allow() -> list[str]:
    return []


@pytest.fixture
async def net(allow: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Under the strict policy, but for `allow` and plain http to public addresses.

    Whatever the pool connects to is the provider here.
    """
    rig = Rig(policy=EgressPolicy.from_entries(allow, allow_http=True))
    async with rig.running():
        loop = asyncio.get_running_loop()
        net = Net(rig, Resolver())
        connect = loop.create_connection

        async def create_connection(factory: Callable[[], Any], host: str, port: int, **options: Any) -> Any:
            if "ssl" in options:  # the pool's; a test's own client says nothing of it
                net.connected.append(host)
                host, port = "127.0.0.1", rig.provider.port
            return await connect(factory, host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", net.resolver)
        monkeypatch.setattr(loop, "create_connection", create_connection)
        yield net


INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    "5f00::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]


class TestLiterals:
    @pytest.mark.parametrize("address", INSIDE)
    async def test_addresses_inside(self, net: Net, address: str) -> None:
        host = f"[{address}]" if ":" in address else address
        assert await net.ask(f"http://{host}:8080/v1") == b"egress_denied"
        assert not net.connected

    @pytest.mark.parametrize(
        "spelling",
        [
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "017700000001",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "00000177.0.0.1",
            "0x7f.0.0x0.1",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::1%25lo]",
            "[fe80::1%25eth0]",
        ],
    )
    async def test_other_spellings(self, net: Net, spelling: str) -> None:
        assert await net.ask(f"http://{spelling}:8080/v1") == b"egress_denied"
        assert not net.connected

    async def test_a_public_one(self, net: Net) -> None:
        assert await net.ask(f"http://{PUBLIC}/v1") is None
        assert net.connected == [PUBLIC]


class TestNames:
    @pytest.mark.parametrize("address", INSIDE)
    async def test_that_lead_inside(self, net: Net, address: str) -> None:
        net.resolver.names["looks-fine.example"] = [[address]]
        assert await net.ask("http://looks-fine.example/v1") == b"egress_denied"
        assert not net.connected

    @pytest.mark.parametrize("answer", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC, "fe80::1%eth0"]])
    async def test_of_two_minds(self, net: Net, answer: list[str]) -> None:
        """One address inside is enough: which of them would be taken is the resolver's whim."""
        net.resolver.names["mixed.example"] = [answer]
        assert await net.ask("http://mixed.example/v1") == b"egress_denied"
        assert not net.connected

    async def test_that_change_between_look_and_connection(self, net: Net) -> None:
        """Resolved once: the address that was looked at is the one that is connected to."""
        net.resolver.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        assert await net.ask("http://rebinding.example/v1") is None
        assert net.resolver.asked == ["rebinding.example"]
        assert net.connected == [PUBLIC]

    async def test_that_change_later(self, net: Net) -> None:
        net.resolver.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        assert await net.ask("http://rebinding.example/v1") is None
        net.rig.server.pool._names.clear()  # as after its time
        net.rig.server.pool.close()
        assert await net.ask("http://rebinding.example/v1") == b"egress_denied"
        assert net.connected == [PUBLIC]

    async def test_a_look_up_is_remembered_but_judged_anew(self, net: Net) -> None:
        net.resolver.names["changing.example"] = [[PUBLIC]]
        assert await net.ask("http://changing.example/v1") is None
        net.rig.server.pool.close()
        net.rig.server.pool._policy = EgressPolicy.from_entries([])
        known = net.rig.server.pool._names["changing.example", 80]
        net.rig.server.pool._names["changing.example", 80] = (known[0], ["192.168.0.1"])
        assert await net.ask("http://changing.example/v1") == b"egress_denied"
        assert net.resolver.asked == ["changing.example"]

    async def test_what_is_remembered_is_forgotten(self, net: Net) -> None:
        net.resolver.names["passing.example"] = [[PUBLIC]]
        await net.ask("http://passing.example/v1")
        pool = net.rig.server.pool
        assert pool._names
        pool.sweep(pool.now + 31)
        assert not pool._names

    async def test_that_do_not_exist(self, net: Net) -> None:
        assert await net.ask("http://nobody.invalid/v1") == b"upstream_unreachable"

    async def test_that_resolve_to_nothing(self, net: Net) -> None:
        net.resolver.names["empty.example"] = [[]]
        assert await net.ask("http://empty.example/v1") == b"upstream_unreachable"

    async def test_a_look_up_that_stalls(self, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
        async def stall(*_: Any, **__: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(Resolver, "__call__", stall)
        net.hurry()
        assert await net.ask("http://slow.example/v1") == b"upstream_timeout"


class TestAllowed:
    @pytest.fixture
    def allow(self) -> list[str]:
        return ["10.0.0.0/8", "127.0.0.1:9", "ollama.lan", "gpu.lan:8000"]

    @pytest.mark.parametrize(
        ("base_url", "allowed"),
        [
            ("http://10.1.2.3:1/v1", True),
            ("http://[::ffff:10.1.2.3]/v1", True),
            ("http://11.0.0.1.nip.example/v1", False),
            ("http://127.0.0.1:9/v1", True),
            ("http://2130706433:9/v1", True),
            ("http://127.0.0.1:10/v1", False),
            ("http://127.0.0.1:99/v1", False),
            ("http://ollama.lan:1/v1", True),
            ("http://OLLAMA.lan./v1", True),
            ("http://gpu.lan:8000/v1", True),
            ("http://gpu.lan:8001/v1", False),
            ("http://not-ollama.lan/v1", False),
            ("http://ollama.lan.evil.example/v1", False),
        ],
    )
    async def test_by_name_address_network_and_port(self, net: Net, base_url: str, allowed: bool) -> None:
        for name in ("ollama.lan", "ollama.lan.", "gpu.lan", "not-ollama.lan", "ollama.lan.evil.example"):
            net.resolver.names[name] = [["192.168.7.7"]]
        net.resolver.names |= {"11.0.0.1.nip.example": [["127.0.0.1"]], "2130706433": [["127.0.0.1"]]}
        assert await net.ask(base_url) == (None if allowed else b"egress_denied")
        assert bool(net.connected) is allowed


class TestAddressesInTurn:
    async def test_the_next_one_when_one_is_dead(self, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
        net.resolver.names["two.example"] = [["93.184.216.1", PUBLIC]]
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def blackhole_but(factory: Any, host: str, port: int, **options: Any) -> Any:
            if host not in {PUBLIC, "127.0.0.1"}:
                net.connected.append(host)
                await asyncio.Event().wait()
            return await connect(factory, host, port, **options)

        monkeypatch.setattr(loop, "create_connection", blackhole_but)
        net.hurry()
        assert await net.ask("http://two.example/v1") is None
        assert net.connected == ["93.184.216.1", PUBLIC]

    async def test_a_blackhole(self, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
        net.resolver.names["gone.example"] = [["93.184.216.1"]]
        loop = asyncio.get_running_loop()

        connect = loop.create_connection

        async def blackhole(factory: Any, host: str, port: int, **options: Any) -> Any:
            if host != "127.0.0.1":
                await asyncio.Event().wait()
            return await connect(factory, host, port, **options)

        monkeypatch.setattr(loop, "create_connection", blackhole)
        net.hurry()
        assert await net.ask("http://gone.example/v1") == b"upstream_timeout"
        assert net.rig.keys.reports[-1].reason == "connect_timeout"
        assert len(net.rig.server.pool) == 0


async def test_a_listener_that_accepts_nothing() -> None:
    """A backlog that is full: the kernel answers no more."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            fillers.append(one)
        async with Rig().running(connect_timeout=0.3) as rig:
            rig.keys.keys.clear()
            rig.add_key("openai", base_url=f"http://127.0.0.1:{port}/v1")
            client = await rig.client()
            await client.send(request())
            head, _ = await client.answer()
            assert (status_of(head), value_of(head, b"x-clawbot-error")) == (504, b"upstream_timeout")
            assert len(rig.server.pool) == 0
        for one in fillers:
            one.close()


async def test_a_server_that_speaks_first() -> None:
    """No HTTP: nothing of the request is sent to it."""
    got = b""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        got += await reader.read(100)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with Rig().running() as rig:
        rig.keys.keys.clear()
        rig.add_key("openai", base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        client = await rig.client()
        await client.send(request())
        head, _ = await client.answer()
        assert status_of(head) == 502
    server.close()
    assert TOKEN.encode() not in got


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawProvider().serving() as intruder, Rig().running() as rig:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, intruder.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        client = await rig.client()
        await client.send(request())
        head, _ = await client.answer()
        assert status_of(head) == 200
        assert intruder.accepted == 0
        assert rig.provider.accepted == 1
