"""What the SDKs send besides chats: speech, transcription, pictures, searches: binary up and down."""

from __future__ import annotations

from typing import Any

import fireworks
import groq
import openai
import perplexity

from tests.fakes.upstream import RecordedUpstream
from tests.fakes.upstream.strict import SOUND
from tests.sdks.common import ASK, TEXT, TOKEN, World, over_the_wire, play, settled

pytestmark = over_the_wire


async def test_speech_comes_byte_for_byte(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "openai")
    async with openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as client:
        answer = await client.audio.speech.create(model="m", voice="alloy", input="hi")
        assert answer.content == SOUND
        async with client.audio.speech.with_streaming_response.create(
            model="m", voice="alloy", input="hi"
        ) as stream:
            assert b"".join([part async for part in stream.iter_bytes()]) == SOUND
    await world.settled(2)
    assert upstream.complaints == []
    assert [record.status for record in world.usage.records] == [200, 200]
    usage = world.usage.records[0].usage
    assert (usage.source, usage.output_tokens) == ("estimated", None)
    assert (usage.details or {}).get("characters") == len("hi")


async def test_transcription_tells_its_usage(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "openai")
    async with openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as client:
        answer = await client.audio.transcriptions.create(model="m", file=("a.wav", SOUND, "audio/wav"))
    assert answer.text == TEXT
    assert SOUND in upstream.seen[0].body
    await world.settled()
    usage = world.usage.records[0].usage
    assert (usage.input_tokens, usage.output_tokens) == (11, 7)


async def test_pictures_and_moderation(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "openai")
    async with openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as client:
        made = await client.images.generate(model="m", prompt="a cat")
        assert made.data is not None
        assert made.data[0].b64_json == "AAAA"
        edited = await client.images.edit(model="m", image=("a.png", SOUND, "image/png"), prompt="a dog")
        assert edited.usage is not None
        judged = await client.moderations.create(model="m", input="hi")
        assert judged.id == "modr-1"
    await world.settled(3)
    assert upstream.complaints == []
    told = [record.usage.input_tokens for record in world.usage.records]
    assert told == [11, 11, None]


async def test_messages_by_the_sdk_of_fireworks(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "fireworks")
    async with fireworks.AsyncFireworks(base_url=url, api_key=TOKEN, max_retries=0) as client:
        answer: Any = await client.messages.create(model="m", max_tokens=9, messages=ASK)
        assert answer.content[0].text == TEXT
    assert upstream.seen[0].path == "/inference/v1/messages"
    await settled(world, upstream)


async def test_transcription_by_the_sdk_of_groq(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "groq")
    async with groq.AsyncGroq(base_url=url, api_key=TOKEN, max_retries=0) as client:
        answer = await client.audio.transcriptions.create(model="m", file=("a.wav", SOUND))
    assert answer.text == TEXT
    assert upstream.seen[0].path == "/openai/v1/audio/transcriptions"
    assert SOUND in upstream.seen[0].body
    await settled(world, upstream)


async def test_search_and_embeddings_by_the_sdk_of_perplexity(
    world: World, upstream: RecordedUpstream
) -> None:
    url = play(world, upstream, "perplexity")
    async with perplexity.AsyncPerplexity(base_url=url, api_key=TOKEN, max_retries=0) as client:
        await client.search.create(query="hi")
        await client.embeddings.create(model="pplx-embed-v1-0.6b", input="hi")
    assert upstream.complaints == []
    assert [seen.path for seen in upstream.seen] == ["/search", "/v1/embeddings"]
    await world.settled(2)
    assert [record.usage.input_tokens for record in world.usage.records] == [None, 4]
