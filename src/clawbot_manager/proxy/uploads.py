"""Uploads that go on at an address which the provider's answer names (Google's resumable uploads).

The address is the provider's own: a client that went there would pass the proxy by. So the address that the
client is given leads back here, and names the key that began the upload: the file belongs to that key's
account. Google's SDK sends no credential with the parts, hence the bot's token stands in the address too; it
comes from the client that is told it, and goes no further than the proxy.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from clawbot_manager.proxy.headers import PINNED_KEY_PARAMETER, header
from clawbot_manager.proxy.messages import RequestHead
from clawbot_manager.proxy.ports import ProviderKey

_ADDRESS = re.compile(
    rb"(?im)^(?P<name>x-goog-upload-(?:control-)?url):[ \t]*https?://(?P<host>[^/\r\n]+)(?P<rest>[^\r\n]*)\r\n"
)


@dataclass(frozen=True, slots=True)
class Upload:
    """One request of an upload. `way_back` is the proxy and the vendor as the client addresses them."""

    way_back: str
    token: str = field(repr=False)
    pinned: str | None

    def keys(self, candidates: Sequence[ProviderKey]) -> Sequence[ProviderKey]:
        """Those that may take this request: the one that began the upload, or any to begin it."""
        if self.pinned is None:
            return candidates
        return [one for one in candidates if str(one.key_id) == self.pinned]

    def rewriter(self, netloc: str, key: ProviderKey) -> Callable[[bytes], bytes]:
        """What makes of the answer's header lines those for the client."""

        def lead_back(found: re.Match[bytes]) -> bytes:
            if found["host"].decode("latin-1").lower() != netloc.lower():
                return b""  # an address elsewhere is none that the proxy can serve
            rest = found["rest"].decode("latin-1")
            mark = "&" if "?" in rest else "?"
            own = f"{PINNED_KEY_PARAMETER}={key.key_id}&key={quote(self.token, safe='')}"
            return b"%b: %b\r\n" % (found["name"], f"{self.way_back}{rest}{mark}{own}".encode("latin-1"))

        return lambda lines: _ADDRESS.sub(lead_back, lines)


def upload_of(head: RequestHead, path_given: str, rest: str, token: str) -> Upload | None:
    """The upload that a request belongs to; `path_given` is its path behind the vendor, None for others."""
    if not rest.startswith("/upload/"):
        return None
    scheme = header(head.headers, b"x-forwarded-proto").partition(",")[0].strip().lower()
    host = header(head.headers, b"host")
    prefix = head.path[: len(head.path) - len(path_given)]
    way_back = f"{scheme if scheme in ('http', 'https') else 'http'}://{host}{prefix}"
    pinned = parse_qs(head.query).get(PINNED_KEY_PARAMETER)
    return Upload(way_back, token, pinned[0] if pinned else None)
