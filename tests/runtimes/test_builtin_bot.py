"""The built-in bot from outside: its gateway, its four dialects, its manners."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contracts.waiting import eventually
from tests.runtimes.bot_world import (
    GATEWAY_TOKEN,
    PROXY_TOKEN,
    Answer,
    BotProcess,
    MockProxy,
    bot_process,
    events_of,
    mock_proxy,
    openai_says,
    refuses,
    spawn,
    sse,
    streams,
    text_of,
)

OPENAI = {"vendor": "openai", "dialect": "openai-chat", "models": ["m1", "m2"], "primary_model": "m1"}
ANTHROPIC = {"vendor": "anthropic", "dialect": "anthropic-messages", "models": ["c1"]}
GOOGLE = {"vendor": "google", "dialect": "google-generatecontent", "models": ["g/1"]}
OLLAMA = {"vendor": "ollama", "dialect": "ollama", "models": ["l1"]}

ANTHROPIC_SAYS = sse(
    {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)
GOOGLE_SAYS = sse(
    {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
    {
        "candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
    },
)
OLLAMA_SAYS = [
    '{"message": {"content": "Hel"}, "done": false}\n',
    '{"message": {"content": "lo"}, "done": false}\n',
    '{"done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}\n',
]
BEARER = ("authorization", f"Bearer {PROXY_TOKEN}")
DIALECTS: list[tuple[dict[str, Any], list[str], str, str, tuple[str, str]]] = [
    (
        OPENAI,
        openai_says("Hel", "lo"),
        "/openai/chat/completions",
        "",
        ("authorization", f"Bearer {PROXY_TOKEN}"),
    ),
    (ANTHROPIC, ANTHROPIC_SAYS, "/anthropic/v1/messages", "", ("x-api-key", PROXY_TOKEN)),
    (
        GOOGLE,
        GOOGLE_SAYS,
        "/google/v1beta/models/g/1:streamGenerateContent",
        "alt=sse",
        ("x-goog-api-key", PROXY_TOKEN),
    ),
    (OLLAMA, OLLAMA_SAYS, "/ollama/api/chat", "", BEARER),
]


@contextlib.asynccontextmanager
async def world(
    folder: Path, *answers: Answer, providers: tuple[dict[str, Any], ...] = (OPENAI,), **environment: str
) -> AsyncIterator[tuple[BotProcess, MockProxy]]:
    async with (
        mock_proxy(*(answers or (streams(*openai_says("Hel", "lo")),))) as proxy,
        bot_process(folder, proxy.url, **environment) as bot,
    ):
        bot.configure(*providers)
        yield bot, proxy


@pytest.mark.parametrize(("provider", "said", "path", "query", "credential"), DIALECTS)
async def test_each_dialect(
    tmp_path: Path,
    provider: dict[str, Any],
    said: list[str],
    path: str,
    query: str,
    credential: tuple[str, str],
) -> None:
    async with world(tmp_path, streams(*said), providers=(provider,)) as (bot, proxy):
        bot.write("soul.md", "You are terse.")
        status, body = await bot.chat("hi", max_tokens=9)
        assert status == 200
        assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        events = await bot.stream("hi", stream_options={"include_usage": True})
        assert text_of(events) == "Hello"
        assert events[-1] == "[DONE]"
        assert events[-2]["usage"]["total_tokens"] == 5
        asked = proxy.asked[0]
        assert (asked.path, asked.query) == (f"/api/v1{path}", query)
        assert asked.headers[credential[0]] == credential[1]
        assert "You are terse." in str(asked.body)
        assert "hi" in str(asked.body)
        assert "9" in str(asked.body)
        assert GATEWAY_TOKEN not in str(proxy.asked)
        if provider is ANTHROPIC:
            assert asked.headers["anthropic-version"]


async def test_deltas_are_forwarded_as_they_come(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        world(tmp_path, streams(*openai_says("Hel", "lo"), gate=gate)) as (bot, _),
        bot.post({"messages": [{"role": "user", "content": "hi"}], "stream": True}) as response,
    ):
        seen = b""
        while b'"Hel"' not in seen:
            seen += await response.content.readany()
        assert b'"lo"' not in seen
        gate.set()
        seen += await response.content.read()
        assert text_of(events_of(seen.decode())) == "Hello"


async def test_a_conversation_goes_on_for_a_user_only(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        await bot.says("one", user="ann")
        await bot.says("two", user="ann")
        await bot.says("three", user="bob")
        await bot.says("four")
        turns = [[turn["content"] for turn in asked.body["messages"]] for asked in proxy.asked]
        assert turns == [["one"], ["one", "Hello", "two"], ["three"], ["four"]]
        bot.write("features.json", '{"commands": true}')
        assert "new" in await bot.says("/new", user="ann")
        await bot.says("five", user="ann")
        assert [turn["content"] for turn in proxy.asked[-1].body["messages"]] == ["five"]


async def test_edits_apply_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        bot.write("soul.md", "Be a pirate.")
        await bot.says()
        bot.write("soul.md", "Be a poet.")
        bot.configure(
            OPENAI, primary={"vendor": "openai", "model": "m2"}, persona={"name": "Ada", "emoji": "🦊"}
        )
        await bot.says()
        first, second = (asked.body for asked in proxy.asked)
        assert first["messages"][0]["content"] == "Be a pirate."
        assert second["messages"][0]["content"] == "Your name is Ada 🦊.\n\nBe a poet."
        assert (first["model"], second["model"]) == ("m1", "m2")


async def test_commands_are_answered_here_when_they_are_on(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        assert await bot.says("/help") == "Hello"
        bot.write("features.json", '{"commands": true}')
        bot.write("soul.md", "A fox.")
        assert "/persona" in await bot.says("/help")
        assert "openai/m1" in await bot.says("/model")
        assert await bot.says("/persona") == "A fox."
        assert "/persona" in text_of(await bot.stream("/help"))
        assert len(proxy.asked) == 1
        assert await bot.says("/unknown") == "Hello"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
async def test_a_refusal_is_handed_on_and_not_retried(tmp_path: Path, status: int) -> None:
    told = {"error": {"message": f"no, says {PROXY_TOKEN}", "type": "some_kind"}}
    async with world(tmp_path, refuses(status, told), providers=(OPENAI, ANTHROPIC)) as (bot, proxy):
        given, body = await bot.chat()
        assert given == status
        assert body["error"] == {"message": "no, says ***", "type": "some_kind", "code": status}
        assert (await bot.stream())[0]["error"]["code"] == status
        assert len(proxy.asked) == 2


async def test_the_next_provider_stands_in(tmp_path: Path) -> None:
    refusals = [refuses(429, {"error": "busy"}), refuses(503, {"error": {"message": "down"}})]
    answers = [*refusals, streams(*OLLAMA_SAYS)]
    async with world(tmp_path, *answers, providers=(OPENAI, ANTHROPIC, OLLAMA)) as (bot, proxy):
        assert await bot.says() == "Hello"
        assert [asked.path.split("/")[3] for asked in proxy.asked] == ["openai", "anthropic", "ollama"]


async def test_the_last_refusal_is_told_when_nobody_can(tmp_path: Path) -> None:
    refusal = refuses(429, {"error": {"message": "quota"}}, **{"retry-after": "7"})
    question = {"messages": [{"role": "user", "content": "hi"}]}
    async with world(tmp_path, refusal) as (bot, _), bot.post(question) as response:
        assert response.status == 429
        assert response.headers["retry-after"] == "7"


async def test_an_answer_that_breaks_off_ends_in_an_error_event(tmp_path: Path) -> None:
    broken = streams(*openai_says("Hel")[:1], cut=True)
    async with world(tmp_path, broken, providers=(OPENAI, OLLAMA)) as (bot, proxy):
        events = await bot.stream(user="ann")
        assert text_of(events) == "Hel"
        assert events[-1]["error"]["code"] == 502
        assert len(proxy.asked) == 1
        status, _ = await bot.chat(user="ann")
        assert status == 502
        assert len(proxy.asked[-1].body["messages"]) == 1


async def test_an_error_inside_the_stream_is_an_error(tmp_path: Path) -> None:
    events = sse({"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}})
    async with world(tmp_path, streams(*events), providers=(ANTHROPIC,)) as (bot, _):
        status, body = await bot.chat()
        assert (status, body["error"]["message"]) == (503, "too busy")


async def test_a_silent_upstream_is_given_up(tmp_path: Path) -> None:
    gate = asyncio.Event()
    silent = streams(": wait\n\n", *openai_says("late"), gate=gate)
    async with world(tmp_path, silent, CLAWBOT_UPSTREAM_TIMEOUT="0.3") as (bot, _):
        status, body = await bot.chat()
        assert (status, body["error"]["type"]) == (504, "upstream_timeout")
        gate.set()


async def test_no_proxy_is_told(tmp_path: Path) -> None:
    async with bot_process(tmp_path, "http://127.0.0.1:9/api/v1") as bot:
        bot.configure(OPENAI)
        status, body = await bot.chat()
        assert (status, body["error"]["type"]) == (502, "upstream_unreachable")


async def test_ready_tells_what_is_wrong(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        for text, why in [
            ("{", "not valid JSON"),
            ("[]", "not an object"),
            ('{"schema": 2}', "schema 1"),
            ('{"schema": 1}', "no provider"),
            ('{"schema": 1, "providers": [1]}', "shape"),
            ('{"schema": 1, "providers": [{"vendor": "x", "dialect": "y"}]}', "unknown dialect"),
        ]:
            bot.write("config.json", text)
            async with bot.session.get(f"{bot.url}/readyz") as response:
                assert response.status == 503
                assert why in (await response.json())["failing"][0]
            assert (await bot.chat())[0] == 503
        assert proxy.asked == []
        bot.configure({**OPENAI, "base_url": "http://attacker.invalid/v1"})
        assert (await bot.chat())[1]["error"]["message"].endswith("is not at the proxy")
        bot.configure({**OPENAI, "base_url": f"{proxy.url}/openai"})
        async with bot.session.get(f"{bot.url}/readyz") as response:
            assert (response.status, await response.json()) == (200, {"ready": True})


async def test_only_the_managers_token_is_let_in(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        for token in ("", "wrong", PROXY_TOKEN, GATEWAY_TOKEN + "x", "ÿ"):
            status, body = await bot.chat(token=token)
            assert (status, body["error"]["type"]) == (401, "unauthorized")
        assert proxy.asked == []


@pytest.mark.parametrize(
    "body",
    [
        1,
        [],
        {},
        {"messages": []},
        {"messages": "x"},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
    ],
)
async def test_what_is_no_question_is_refused(tmp_path: Path, body: Any) -> None:
    async with world(tmp_path) as (bot, proxy), bot.post(body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"
        assert proxy.asked == []


async def test_bodies_and_answers_at_a_time_are_bounded(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with world(tmp_path, streams(*openai_says("Hel", "lo"), gate=gate)) as (bot, proxy):
        large, known = io.BytesIO(b"x" * ((1 << 20) + 1)), {"authorization": f"Bearer {GATEWAY_TOKEN}"}
        url = f"{bot.url}/v1/chat/completions"
        async with bot.session.post(url, data=large, headers=known) as response:
            assert response.status == 413
        running = [asyncio.ensure_future(bot.chat()) for _ in range(16)]

        async def all_asked() -> bool:
            return len(proxy.asked) == 16

        await eventually(all_asked)
        assert (await bot.chat())[0] == 503
        gate.set()
        assert {status for status, _ in await asyncio.gather(*running)} == {200}


async def test_two_of_one_bot_never_run(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, _):
        second = await spawn(tmp_path, {**bot.environment, "CLAWBOT_GATEWAY_PORT": "1"})
        assert await second.wait() == 75
        assert await bot.says() == "Hello"


async def test_an_incomplete_environment_is_told(tmp_path: Path) -> None:
    process = await spawn(tmp_path, {"CLAWBOT_PROXY_URL": "http://127.0.0.1:9"})
    assert await process.wait() == 78
    assert "CLAWBOT_GATEWAY_TOKEN" in (tmp_path / "bot.log").read_text()


async def test_sigterm_lets_the_running_answer_end(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with world(tmp_path, streams(*openai_says("Hel", "lo"), gate=gate)) as (bot, proxy):
        running = asyncio.ensure_future(bot.says())

        async def asked() -> bool:
            return bool(proxy.asked)

        async def closed() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
            except ConnectionError:  # refused, or reset when it waited to be accepted
                return True
            writer.close()
            return False

        await eventually(asked)
        bot.process.send_signal(signal.SIGTERM)
        await eventually(closed)
        gate.set()
        assert await running == "Hello"
        assert await bot.process.wait() == 0


async def test_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with world(tmp_path, streams(*openai_says("Hel", "lo"), gate=gate)) as (bot, proxy):
        running = asyncio.ensure_future(bot.chat())

        async def asked() -> bool:
            return bool(proxy.asked)

        async def ending() -> bool:
            return "event=ending" in bot.log

        await eventually(asked)
        bot.process.send_signal(signal.SIGTERM)
        await eventually(ending)
        bot.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await bot.process.wait() == 0
        assert (await asyncio.gather(running, return_exceptions=True))[0] is not None
        gate.set()


async def test_traces_are_kept_and_nothing_private_is_written(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        body = {"messages": [{"role": "user", "content": "my-private-question"}], "user": "ann"}
        async with bot.post(body, **{"x-request-id": "trace-17"}) as response:
            assert response.status == 200
        async with bot.post(body, **{"x-request-id": "bad id"}) as response:
            assert response.status == 200
        await bot.chat(token="wrong-token-value")
        assert proxy.asked[0].headers["x-request-id"] == "trace-17"
        assert proxy.asked[1].headers["x-request-id"] != "bad id"
        assert "event=chat trace=trace-17 status=200 duration_ms=" in bot.log
        written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
        for secret in (PROXY_TOKEN, GATEWAY_TOKEN, "wrong-token-value", "my-private-question", "Hello"):
            assert secret not in written


async def test_it_proves_that_it_is_the_bot_to_the_manager_only(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, proxy):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {GATEWAY_TOKEN}"}):
            async with bot.session.get(f"{bot.url}/v1/models", headers=headers) as response:
                assert response.status == 401
                assert (await response.json())["error"]["type"] == "unauthorized"
        headers = {"authorization": f"Bearer {GATEWAY_TOKEN}"}
        async with bot.session.get(f"{bot.url}/v1/models", headers=headers) as response:
            assert response.status == 200
            listed = await response.json()
            assert listed["object"] == "list"
            assert [(model["id"], model["object"]) for model in listed["data"]] == [
                ("openclaw/default", "model")
            ]
        async with bot.session.get(f"{bot.url}/v1/other", headers=headers) as response:
            assert response.status == 404
        assert proxy.asked == []


async def test_a_proxy_behind_tls_is_asked_over_tls(tmp_path: Path) -> None:
    greeting = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting.set_result(await reader.read(2))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, bot_process(tmp_path, f"https://127.0.0.1:{port}/api/v1") as bot:
        bot.configure(OPENAI)
        status, body = await bot.chat()
        assert (status, body["error"]["type"]) == (502, "upstream_unreachable")
        assert await greeting == b"\x16\x03"  # a TLS handshake


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limits of another process")
async def test_it_recovers_from_a_time_without_threads(tmp_path: Path) -> None:
    async with world(tmp_path) as (bot, _):
        process = psutil.Process(bot.process.pid)
        soft, hard = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + (1 << 20), hard))
        writers = []
        for _ in range(80):
            _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
            writers.append(writer)

        async def refused() -> bool:
            return bot.log.count("event=failed kind=RuntimeError") >= 64

        await eventually(refused)
        process.rlimit(psutil.RLIMIT_AS, (soft, hard))
        for writer in writers:
            writer.close()
        await eventually(bot.healthy)


async def test_called_wrongly_it_says_how(tmp_path: Path) -> None:
    process = await spawn(tmp_path, {}, "--bot-id", "b-1")
    assert await process.wait() == 64
    assert "--instance" in (tmp_path / "bot.log").read_text()
