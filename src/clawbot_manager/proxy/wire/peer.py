"""What the loop does not tell or do about the other side of a connection."""

import asyncio
import select
import socket
import ssl
import struct

# Linux tells of a peer's FIN behind bytes that nobody has read; elsewhere only a reset is seen
_LEFT = getattr(select, "POLLRDHUP", 0)


def has_left(transport: asyncio.Transport) -> bool:
    """Found out without reading, for a connection that is paused: the loop would not notice its end."""
    plain = transport.get_extra_info("socket")
    if plain is None or transport.is_closing():
        return False
    poll = select.poll()
    poll.register(plain.fileno(), _LEFT)
    return bool(poll.poll(0))


def was_ended(transport: asyncio.Transport) -> bool:
    """Whether a connection that is closed was closed by the other side, as far as can be known: over TLS
    anybody on the way can cut it, but only the other side can say so in a close_notify (RFC 9112 9.8).
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        tls.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        pass
    return False


def reset(transport: asyncio.Transport) -> None:
    """Close with an RST, where the end of the connection would be taken for the end of the answer."""
    plain = transport.get_extra_info("socket")
    if plain is not None and not transport.is_closing():
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
