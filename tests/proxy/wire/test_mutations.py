"""Whatever arrives, what leaves is HTTP: to the provider, and to the client. And nothing is left behind."""

from __future__ import annotations

from dataclasses import dataclass

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proxy.rig import TOKEN
from tests.proxy.wire.corpus import BAD, BROKEN, EXCESS, PLAIN, Conversation
from tests.proxy.wire.memory import Bench, Link, Pipe
from tests.proxy.wire.strict import Asked, read_answers, read_requests

SEEDS = [one for one in PLAIN + BROKEN + EXCESS + BAD if "HEAD" not in one.methods]
# what means something to a parser, and some that means nothing
BYTES = [
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b":", b" ", b"\t", b",", b";", b"0", b"9", b"-", b"+", b"f")
]
BYTES += [
    b"x",
    b"\xff",
    b"HTTP/1.1",
    b"chunked",
    b"close",
    b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n",
]


@dataclass(frozen=True)
class Change:
    """`size` bytes at a place, modulo the length, become other ones."""

    at: int
    size: int
    by: bytes

    def of(self, data: bytes) -> bytes:
        at = self.at % (len(data) + 1)
        return data[:at] + self.by + data[at + self.size :]


_CHANGES = st.lists(
    st.builds(Change, st.integers(0, 2000), st.integers(0, 3), st.sampled_from([b"", *BYTES])), max_size=4
)


def changed(data: bytes, changes: list[Change]) -> bytes:
    for change in changes:
        data = change.of(data)
    return data


def hold(
    conversation: Conversation, sent: list[Change], answered: list[Change], size: int
) -> tuple[Bench, Pipe]:
    """A conversation that was spoilt, and then silence until all time is up."""
    left = [changed(one, answered) for one in conversation.answers]

    def answering(link: Link, asked: Asked) -> None:
        data = left.pop(0) if left else b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        link.give(*(data[at : at + size] for at in range(0, len(data), size)))
        if not left and conversation.ends:
            link.pipe.give_end()

    bench = Bench(answering, read_timeout=100.0, head_timeout=30.0, idle_timeout=30.0)
    data = changed(conversation.sent, sent)
    client = bench.say(*(data[at : at + size] for at in range(0, len(data), size)))
    bench.pass_time(400, steps=16)
    return bench, client


def check(bench: Bench, client: Pipe) -> None:
    for link in bench.provider.links:
        # h11 has read all of it without a word; what is not whole belongs to an answer that came early
        requests, rest = read_requests(bytes(link.pipe.sent))
        assert len(requests) == len(link.asked)
        assert not rest or link.pipe.is_lost()
        assert TOKEN.encode() not in link.pipe.sent
    assert bench.is_quiet()
    assert len(bench.usage.records) >= bench.budgets.admitted
    assert client.is_lost()
    data = bytes(client.sent)
    while data:
        (answer,), data = read_answers(data, ["GET"], closed=not client.aborted)
        assert answer.whole or not data
    assert not bench.server.clients
    assert len(bench.pool) <= len(bench.provider.links)


@given(st.sampled_from(SEEDS), _CHANGES, _CHANGES, st.sampled_from([1, 7, 5000]))
@settings(deadline=None, max_examples=300)
def test_what_leaves_is_valid(
    conversation: Conversation, sent: list[Change], answered: list[Change], size: int
) -> None:
    check(*hold(conversation, sent, answered, size))


@pytest.mark.parametrize("conversation", SEEDS, ids=str)
def test_one_byte_more_or_less(conversation: Conversation) -> None:
    """At the places where a line ends, where nearly all that is hidden is hidden."""
    for data, changes in ((conversation.sent, 0), *((one, 1) for one in conversation.answers[:1])):
        for at in [at for at, byte in enumerate(data) if byte in b"\r\n"][:30]:
            for change in (Change(at, 1, b""), Change(at, 0, b"\n"), Change(at, 1, b"\0")):
                check(*hold(conversation, *(([change], []) if changes == 0 else ([], [change])), 5000))


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_noise(data: bytes) -> None:
    bench = Bench()
    client = bench.say(data)
    bench.pass_time(400)
    assert client.is_lost()
    assert not bench.provider.links
    with_answer = bytes(client.sent)
    try:
        answers, rest = read_answers(with_answer, ["GET"], closed=True)
    except h11.RemoteProtocolError:
        pytest.fail(str(with_answer))
    assert not rest
    assert all(one.status in {400, 404, 408, 431} for one in answers)
