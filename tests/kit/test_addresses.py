"""Addresses in every notation."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.kit.addresses import AddressKind, AllowList, classify, parse_address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7F.1",
        "0177.0.0.1",
        "017700000001",
        "0x7f.0x0.0x0.0x1",
        "127.0.0.1.",
        " 127.0.0.1 ",
    ],
)
def test_loopback_in_every_notation(text: str) -> None:
    address = parse_address(text)
    assert address == IPv4Address("127.0.0.1")
    assert classify(IPv4Address("127.0.0.1")) is AddressKind.LOOPBACK


@pytest.mark.parametrize(
    "text",
    ["example.com", "", "1.2.3.4.5", "256.1.1.1", "4294967296", "08.1.1.1", "1..2", "a:b", "127.1x"],
)
def test_names(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", AddressKind.PUBLIC),
        ("2606:4700::1111", AddressKind.PUBLIC),
        ("10.1.2.3", AddressKind.PRIVATE),
        ("172.16.0.1", AddressKind.PRIVATE),
        ("192.168.1.1", AddressKind.PRIVATE),
        ("100.64.0.1", AddressKind.PRIVATE),
        ("fd00::1", AddressKind.PRIVATE),
        ("64:ff9b:1::1", AddressKind.RESERVED),
        ("[::1]", AddressKind.LOOPBACK),
        ("169.254.1.1", AddressKind.LINK_LOCAL),
        ("fe80::1%eth0", AddressKind.LINK_LOCAL),
        ("169.254.169.254", AddressKind.METADATA),
        ("fd00:ec2::254", AddressKind.METADATA),
        ("100.100.100.200", AddressKind.METADATA),
        ("0.0.0.0", AddressKind.RESERVED),
        ("::", AddressKind.RESERVED),
        ("224.0.0.1", AddressKind.RESERVED),
        ("255.255.255.255", AddressKind.RESERVED),
        ("::ffff:127.0.0.1", AddressKind.LOOPBACK),
        ("::ffff:8.8.8.8", AddressKind.PUBLIC),
        ("::127.0.0.1", AddressKind.LOOPBACK),
        ("64:ff9b::a9fe:a9fe", AddressKind.METADATA),
        ("64:ff9b::808:808", AddressKind.PUBLIC),
        ("2002:7f00:1::", AddressKind.LOOPBACK),
        ("2002:808:808::", AddressKind.PUBLIC),
        ("2001:0:808:808:8000:1:f7f7:f7f7", AddressKind.PRIVATE),  # Teredo: a tunnel to who knows where
        ("::ffff:0:127.0.0.1", AddressKind.RESERVED),
        ("fec0::1", AddressKind.PRIVATE),
        ("ff02::1", AddressKind.RESERVED),
        ("5f00::1", AddressKind.RESERVED),
        ("2001:db8::1", AddressKind.PRIVATE),
    ],
)
def test_kinds(text: str, kind: AddressKind) -> None:
    address = parse_address(text)
    assert address is not None
    assert classify(address) is kind


@given(address=st.ip_addresses(v=4))
def test_mapped_is_what_it_carries(address: IPv4Address) -> None:
    assert classify(IPv6Address(f"::ffff:{address}")) is classify(address)
    assert parse_address(str(int(address))) == address
    assert parse_address(hex(int(address))) == address


class TestAllowList:
    def test_hosts(self) -> None:
        allow = AllowList.parse(["Ollama.lan", "gpu:8000", ""])
        assert allow.allows_host("ollama.LAN.", 1)
        assert allow.allows_host("gpu", 8000)
        assert not allow.allows_host("gpu", 8001)

    def test_addresses(self) -> None:
        allow = AllowList.parse(["10.0.0.0/8", "127.0.0.1:11434", "[::1]:80", "fd00::1"])
        assert allow.allows_address(ip_address("10.9.9.9"), 1)
        assert allow.allows_address(ip_address("::ffff:10.9.9.9"), 1)
        assert allow.allows_address(ip_address("127.0.0.1"), 11434)
        assert not allow.allows_address(ip_address("127.0.0.1"), 80)
        assert allow.allows_address(ip_address("::1"), 80)
        assert allow.allows_address(ip_address("fd00::1"), 80)
        assert not allow.allows_address(ip_address("192.168.0.1"), 80)

    @pytest.mark.parametrize(
        "entry", ["10.0.0.0/99", "a b", "host:0", "host:x", "user@host", "[::1", "http://host/"]
    )
    def test_malformed(self, entry: str) -> None:
        with pytest.raises(ValueError, match="not a host"):
            AllowList.parse([entry])
