"""However the bytes fall, they say the same: to the provider, and to the client."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proxy.wire.corpus import BAD, BROKEN, PLAIN, Conversation
from tests.proxy.wire.memory import Bench, Link
from tests.proxy.wire.strict import Asked

Cuts = list[int]
ALL = PLAIN + BROKEN + BAD


def cut(data: bytes, cuts: Cuts) -> list[bytes]:
    """The data in pieces; each cut is taken modulo the length."""
    at = sorted({one % (len(data) + 1) for one in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


def hold(conversation: Conversation, sent: Cuts, answered: Cuts, turns: list[int]) -> dict[str, Any]:
    """What came of a conversation whose bytes were cut, with so many turns of the loop between the pieces."""
    left = list(conversation.answers)

    def answering(link: Link, asked: Asked) -> None:
        if left:
            give(link, cut(left.pop(0), answered))

    def give(link: Link, pieces: list[bytes]) -> None:
        link.give(*pieces[:1])
        if pieces[1:]:
            link.pipe.get_loop().call_soon(give, link, pieces[1:])
        elif not left and conversation.ends:
            link.pipe.give_end()

    bench = Bench(answering)
    client = bench.client()
    for number, piece in enumerate(cut(conversation.sent, sent)):
        client.give(piece)
        for _ in range(turns[number % len(turns)]):
            bench.loop.turn()
    bench.loop.run()
    answers = client.answers(*conversation.methods)
    assert bench.is_quiet()
    assert len(bench.usage.records) == len(bench.budgets.settled)
    return {
        "answers": [one.plain() if one.whole or not conversation.spoilt else one.status for one in answers],
        "asked": [one.plain() for one in bench.provider.asked],
        "ended": client.has_ended(),
        "aborted": client.aborted,
        "links": len(bench.provider.links),
        "records": [(one.status, one.error_code, one.usage) for one in bench.usage.records],
    }


@cache
def in_one_piece(conversation: Conversation) -> dict[str, Any]:
    return hold(conversation, [], [], [0])


_CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


@given(st.sampled_from(ALL), _CUTS, _CUTS, st.lists(st.integers(0, 12), min_size=1, max_size=6))
@settings(deadline=None, max_examples=250)
def test_any_split(conversation: Conversation, sent: Cuts, answered: Cuts, turns: list[int]) -> None:
    assert hold(conversation, sent, answered, turns) == in_one_piece(conversation)


def test_byte_by_byte() -> None:
    every = list(range(4000))
    for conversation in ALL:
        for turns in ([1], [12]):
            assert hold(conversation, every, every, turns) == in_one_piece(conversation), conversation.name


def test_every_conversation_says_something() -> None:
    """The comparison above is worth what these are: all requests answered, and the bad ones refused."""
    for conversation in PLAIN:
        told = in_one_piece(conversation)
        assert len(told["answers"]) == len(conversation.methods), conversation.name
        assert len(told["asked"]) == len(conversation.answers), conversation.name
    for conversation in BAD:
        told = in_one_piece(conversation)
        assert told["answers"][-1][0] == 400, conversation.name
        assert told["ended"], conversation.name
        assert all(b"hidden" not in target for _, target, _, _ in told["asked"]), conversation.name
