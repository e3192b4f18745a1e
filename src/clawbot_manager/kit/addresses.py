"""Network addresses in every notation, what kind of place they are, and an allow-list. Pure: no look-ups."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_MAX_IPV4_PARTS = 4
_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_SHARED = ip_network("100.64.0.0/10")

# Where clouds keep their instances' credentials. Link-local ones among them are denied as such anyway;
# the name says why.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, and most others
        "169.254.170.2",  # AWS ECS tasks
        "169.254.170.23",  # AWS EKS pods
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::23",
        "fd20:ce::254",  # Google over IPv6
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "168.63.129.16",  # Azure's wire server
    )
)


class AddressKind(StrEnum):
    """What an address leads to; only `PUBLIC` is outside the operator's own network."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link_local"
    METADATA = "metadata"
    RESERVED = "reserved"


def parse_address(host: str) -> IpAddress | None:
    """The address that a host text means, or None for a name.

    Understands what `inet_aton` and URL parsers do (WHATWG URL, "IPv4 parser"): decimal, octal and hex
    numbers, fewer than four parts (`127.1`, `2130706433`), a trailing dot, brackets and zones of IPv6.
    """
    text = host.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return IPv6Address(text.partition("%")[0])
        except ValueError:
            return None
    return _parse_ipv4(text)


def embedded_ipv4(address: IpAddress) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address carries: mapped, compatible, NAT64 (RFC 6052), 6to4."""
    if isinstance(address, IPv4Address):
        return None
    # ::a.b.c.d is deprecated, but some systems still connect to it
    if address in _NAT64 or 1 < int(address) <= 0xFFFFFFFF:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def classify(address: IpAddress) -> AddressKind:
    """The kind of an address; an IPv6 address that carries an IPv4 one is what that one is."""
    inner = embedded_ipv4(address)
    if inner is not None:
        return classify(inner)
    inside = address in _SHARED or address in _LOCAL_NAT64
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    signs = (
        (AddressKind.METADATA, address in _METADATA),
        (AddressKind.LOOPBACK, address.is_loopback),
        (AddressKind.LINK_LOCAL, address.is_link_local),
        (AddressKind.RESERVED, address.is_unspecified or address.is_multicast or address.is_reserved),
        (AddressKind.PRIVATE, inside or site_local or not address.is_global),
    )
    return next((kind for kind, present in signs if present), AddressKind.PUBLIC)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Places the operator trusts: `host`, `host:port`, an address, or a network in CIDR notation.

    An entry without a port allows every port. A name allows whatever it resolves to.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[IpNetwork, int | None], ...] = ()

    @classmethod
    def parse(cls, entries: tuple[str, ...] | list[str]) -> "AllowList":
        """The list from its text form.

        Raises:
            ValueError: an entry is none of the forms; the message names it.
        """
        hosts: set[tuple[str, int | None]] = set()
        networks: list[tuple[IpNetwork, int | None]] = []
        for entry in entries:
            text = entry.strip().lower()
            if not text:
                continue
            try:
                if "/" in text:
                    networks.append((ip_network(text, strict=False), None))
                    continue
                host, port = _split_port(text)
            except ValueError as error:
                raise ValueError(f"not a host, host:port, address or network: {entry!r}") from error
            address = parse_address(host)
            if address is None:
                hosts.add((host.rstrip("."), port))
            else:
                networks.append((ip_network(address), port))
        return cls(frozenset(hosts), tuple(networks))

    def allows_host(self, host: str, port: int) -> bool:
        """Whether the name itself is trusted, whatever it resolves to."""
        name = host.lower().rstrip(".")
        return (name, None) in self.hosts or (name, port) in self.hosts

    def allows_address(self, address: IpAddress, port: int) -> bool:
        """Whether the address is trusted."""
        inner = embedded_ipv4(address) or address
        return any(
            inner.version == network.version and inner in network and own_port in (None, port)
            for network, own_port in self.networks
        )


def _parse_ipv4(text: str) -> IPv4Address | None:
    parts = text.removesuffix(".").split(".")
    if not 1 <= len(parts) <= _MAX_IPV4_PARTS:
        return None
    numbers = []
    for part in parts:
        number = _parse_number(part)
        if number is None:
            return None
        numbers.append(number)
    *leading, last = numbers
    if any(number > 0xFF for number in leading) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last
    for position, number in enumerate(leading):
        value += number << (8 * (3 - position))
    return IPv4Address(value)


def _parse_number(text: str) -> int | None:
    if not text or not text.isascii() or not text.isalnum():
        return None
    try:
        if text[:2].lower() == "0x":
            return int(text[2:] or "0", 16)
        if len(text) > 1 and text[0] == "0":
            return int(text, 8)
        return int(text, 10)
    except ValueError:
        return None


def _split_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address."""
    if text.startswith("["):
        host, bracket, tail = text[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise ValueError(text)
        IPv6Address(host)
        return host, _port(tail[1:]) if tail else None
    if text.count(":") > 1:
        IPv6Address(text.partition("%")[0])
        return text, None
    host, colon, port = text.partition(":")
    if not host or any(character.isspace() or character in "@/?#" for character in host):
        raise ValueError(text)
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(text)
    return port
