"""Tests talk to this machine only: anything else is stopped where Python opens the connection.

It sees Python's own sockets, asyncio's too. uvloop opens its own in C: a test under uvloop is not guarded.
"""

from __future__ import annotations

import ipaddress
import socket
import sys

_LOCAL_NAMES = {"", "localhost", "localhost.", socket.gethostname().lower()}
_CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname"}
_active = False


class OutboundNetworkError(RuntimeError):
    """Not an OSError on purpose: code that rides out network failures must not ride out this."""


def install() -> None:
    """For the rest of this process; interpreters have no way to take an audit hook back."""
    global _active  # noqa: PLW0603
    if not _active:
        _active = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in _CONNECTS:
        connection, address = arguments[0], arguments[1]
        if (
            isinstance(connection, socket.socket)
            and connection.family in {socket.AF_INET, socket.AF_INET6}
            and isinstance(address, tuple)
            and not _is_local(str(address[0]))
        ):
            raise OutboundNetworkError(f"a test tried to reach {address[0]}:{address[1]}")
    elif event in _LOOKUPS:
        host = arguments[0]
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and not _may_look_up(name):
            raise OutboundNetworkError(f"a test tried to look up {name}")


def _is_local(host: str) -> bool:
    address = _address(host)
    if address is None:
        return _is_local_name(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _may_look_up(name: str) -> bool:
    """An address is looked up without asking anybody; a name under .invalid never exists."""
    if name.lower().rstrip(".").endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _address(name) is not None or _is_local_name(name)


def _is_local_name(name: str) -> bool:
    lower = name.lower()
    return lower in _LOCAL_NAMES or lower.rstrip(".").endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
