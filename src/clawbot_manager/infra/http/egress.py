"""Where the program may connect to on a user's word, and what it says when it may not."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from clawbot_manager.kit.addresses import AddressKind, AllowList, IpAddress, classify, parse_address

ALLOW_SETTING = "CLAWBOT_EGRESS__ALLOW"

_DEFAULT_PORTS = {"http": 80, "https": 443}


class EgressDeniedError(Exception):
    """An outbound address that the operator has not allowed. `reason` is a stable word for it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Public addresses over https, plus what the operator's allow-list names.

    `allow_http` permits plain http to public hosts; hosts on the allow-list may always be called over http.
    """

    allow: AllowList = field(default_factory=AllowList)
    allow_http: bool = False

    @classmethod
    def from_entries(
        cls, entries: tuple[str, ...] | list[str] = (), *, allow_http: bool = False
    ) -> "EgressPolicy":
        """The policy from the text of the setting.

        Raises:
            ValueError: an entry of the allow-list is malformed.
        """
        return cls(AllowList.parse(entries), allow_http)

    def check_address(self, host: str, port: int, address: IpAddress) -> None:
        """Let a connection to this resolved address pass.

        Raises:
            EgressDeniedError: the address is not public and neither it nor the host is on the allow-list.
        """
        kind = classify(address)
        if kind is AddressKind.PUBLIC or self.allows(host, port, address):
            return
        raise EgressDeniedError(
            kind.value,
            f"{host}:{port} is a {kind.value.replace('_', '-')} address, which is not allowed. "
            f"An operator can allow it: {ALLOW_SETTING}='[\"{host}:{port}\"]'.",
        )

    def allows(self, host: str, port: int, address: IpAddress | None) -> bool:
        """Whether the allow-list names the host or the address."""
        if self.allow.allows_host(host, port):
            return True
        return address is not None and self.allow.allows_address(address, port)


def check_base_url(url: str, policy: EgressPolicy) -> str:
    """A base URL that a user wants to store, without a slash at its end.

    Looks at the text only; names are checked again at each connection, by what they resolve to then.

    Raises:
        EgressDeniedError: the scheme, the host or another part of it is not allowed.
    """
    url = url.strip()
    if any(character.isspace() or character == "\\" or ord(character) < 0x20 for character in url):
        raise EgressDeniedError("malformed", "A base URL has no spaces and no backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EgressDeniedError("malformed", "This is not a URL.") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise EgressDeniedError("malformed", "Give a URL that starts with https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise EgressDeniedError("credentials", "A base URL holds no user name or password: use the key.")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise EgressDeniedError("malformed", "A base URL has no query and no fragment.")
    host = parts.hostname
    port = port or _DEFAULT_PORTS[parts.scheme]
    address = parse_address(host)
    if address is not None:
        policy.check_address(host, port, address)
    elif _is_local_name(host) and not policy.allows(host, port, None):
        raise EgressDeniedError(
            "local_name", f"{host} is a name of this machine or network. Allow it with {ALLOW_SETTING}."
        )
    if parts.scheme == "http" and not (policy.allow_http or policy.allows(host, port, address)):
        raise EgressDeniedError(
            "plain_http", f"Use https. An operator can allow plain http to this host with {ALLOW_SETTING}."
        )
    return url.rstrip("/")


def _is_local_name(host: str) -> bool:
    name = host.rstrip(".")
    return name == "localhost" or name.endswith((".localhost", ".local", ".internal", ".home.arpa"))
