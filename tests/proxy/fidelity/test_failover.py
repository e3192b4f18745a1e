"""Another key is tried before the first byte only, and everybody is told how often."""

from __future__ import annotations

import pytest

from clawbot_manager.proxy.ports import ProviderKey
from tests.proxy.rig import FILES, Rig, chat, request
from tests.support.raw import Call, status_of, value_of

FIRST = "sk-the-first-of-three-keys"
ERROR = b'{"error":{"message":"no","type":"x"}}'


@pytest.fixture
def keys(rig: Rig) -> list[ProviderKey]:
    rig.keys.keys.clear()
    return [rig.add_key("openai", secret) for secret in (FIRST, "sk-the-second-of-three", "sk-the-third")]


def secret_of(call: Call) -> str:
    return (call.header(b"authorization") or b"").decode().removeprefix("Bearer ")


async def test_tries_in_order_and_tells(rig: Rig, keys: list[ProviderKey]) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        secret = secret_of(call)
        if secret == keys[0].secret:
            await call.answer(ERROR, b"retry-after: 3", status=b"429 Too Many Requests")
        elif secret == keys[1].secret:
            call.reset()
        else:
            await call.answer(
                b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}', b"content-type: application/json"
            )

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    head, _ = await client.answer()
    assert status_of(head) == 200
    assert value_of(head, b"x-clawbot-attempts") == b"3"
    assert value_of(head, b"x-clawbot-key") == str(keys[2].key_id).encode()
    record = (await rig.records())[0]
    assert [(one.key_id, one.status, one.reason) for one in record.attempts] == [
        (keys[0].key_id, 429, "rate_limited"),
        (keys[1].key_id, None, "broken"),
        (keys[2].key_id, 200, None),
    ]
    assert record.key_id == keys[2].key_id
    assert record.usage.output_tokens == 4
    assert len(rig.usage.records) == 1
    assert len({call.head.split(b"authorization")[0] for call in rig.provider.heads}) == 1


async def test_each_try_has_one_credential(rig: Rig, keys: list[ProviderKey]) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(ERROR, status=b"503 Service Unavailable")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    head, body = await client.answer()
    assert (status_of(head), body) == (503, ERROR)
    assert value_of(head, b"x-clawbot-attempts") == b"3"
    assert [secret_of(call) for call in rig.provider.heads] == [key.secret for key in keys]
    for call, key in zip(rig.provider.heads, keys, strict=True):
        others = [other.secret.encode() for other in keys if other is not key]
        assert not [other for other in others if other in call.head]


@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"],
)
async def test_not_after_the_answer_has_begun(rig: Rig, keys: list[ProviderKey], begun: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(begun)
        call.reset()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    await client.head()
    assert await client.rest() == begun.partition(b"\r\n\r\n")[2]
    assert len(rig.provider.heads) == 1
    assert (await rig.records())[0].error_code == "upstream_broken"


async def test_an_error_that_breaks_off_is_none(rig: Rig, keys: list[ProviderKey]) -> None:
    """Nothing of it was passed on, so another key may still serve the client."""

    async def answer(call: Call) -> None:
        await call.body()
        if secret_of(call) == FIRST:
            await call.send(b"HTTP/1.1 429 Too Many\r\ncontent-length: 500\r\n\r\n{")
            call.reset()
        else:
            await call.answer()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    head, _ = await client.answer()
    assert status_of(head) == 200
    assert [one.reason for one in (await rig.records())[0].attempts] == ["broken", None]


async def test_a_streamed_body_has_one_try(rig: Rig, keys: list[ProviderKey]) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(ERROR, status=b"429 Too Many Requests")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, body=b"abc"))
    head, body = await client.answer()
    assert (status_of(head), body) == (429, ERROR)
    assert value_of(head, b"x-clawbot-attempts") == b"1"
    assert len(rig.provider.heads) == 1


async def test_only_time_bounds_the_walk(rig: Rig) -> None:
    for number in range(40):
        rig.add_key("openai", f"sk-worn-out-key-number-{number}")
    good = rig.add_key("openai", "sk-the-good-one-at-last")

    async def answer(call: Call) -> None:
        await call.body()
        if secret_of(call) == good.secret:
            await call.answer()
        else:
            await call.answer(ERROR, status=b"429 Too Many Requests")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    head, _ = await client.answer()
    assert status_of(head) == 200
    assert value_of(head, b"x-clawbot-attempts") == b"42"
