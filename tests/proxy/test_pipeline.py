"""The pipeline without any transport: a head goes in, decisions come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from clawbot_manager.proxy.exchange import Exchange
from clawbot_manager.proxy.headers import pairs_of
from clawbot_manager.proxy.messages import Answer, ProxyConfig, ReadError, Relay, RequestHead, UpstreamRequest
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.routing import serves
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL
from tests.fakes.ports import FakeBudgets, FakeKeys, FakeTokens, FakeUsage, bot, key

TOKEN = "cbm-token-abcdef"
JSON = [(b"content-type", b"application/json")]
CHAT_BODY = b'{"model":"m","stream":true}'


@dataclass
class Bench:
    """A pipeline, its ports, and a clock that a test can move."""

    keys: FakeKeys = field(default_factory=FakeKeys)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)
    usage: FakeUsage = field(default_factory=FakeUsage)
    config: ProxyConfig = field(default_factory=ProxyConfig)
    now: float = 0.0
    inventory: bool = False

    def open(
        self,
        path: str = "/v1/openai/chat/completions",
        *,
        method: str = "POST",
        query: str = "",
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> Exchange:
        pipeline = Pipeline(
            tokens=FakeTokens({TOKEN: bot()}),
            keys=self.keys,
            budgets=self.budgets,
            usage=self.usage,
            catalog=load_catalog(),
            config=self.config,
            inventory=self.keys if self.inventory else None,
            monotonic=lambda: self.now,
        )
        given = [(b"authorization", f"Bearer {TOKEN}".encode()), *JSON, *(headers or [])]
        return pipeline.open(pipeline.route(RequestHead(method, path, query, given)))


def sent(step: object) -> UpstreamRequest:
    assert isinstance(step, UpstreamRequest)
    return step


def answer(step: object) -> Answer:
    assert isinstance(step, Answer)
    return step


def code(step: object) -> str:
    return dict(answer(step).headers)[b"x-clawbot-error"].decode()


class TestServes:
    @pytest.mark.parametrize("path", ["/api/v1/openai/x", "/v1/openai/x", "/v1/openai", "/v1/a-b/c/d"])
    def test_ours(self, path: str) -> None:
        assert serves(path)

    @pytest.mark.parametrize("path", ["/", "/api/bot", "/api/v1", "/v1/", "/v2/openai/x", "/v1/a%20b/x"])
    def test_others(self, path: str) -> None:
        assert not serves(path)


class TestFailover:
    def test_time_bounds_it_and_not_a_count(self) -> None:
        bench = Bench(FakeKeys([key("openai", f"k{n}") for n in range(100)]))
        exchange = bench.open()
        step: Any = exchange.begin(CHAT_BODY)
        for _ in range(50):
            step = exchange.failed("connect_timeout")
            assert isinstance(step, UpstreamRequest)
        bench.now = 1000.0
        assert code(exchange.failed("connect_timeout")) == "upstream_timeout"
        exchange.close()
        assert len(bench.usage.records[0].attempts) == 51

    @pytest.mark.parametrize(
        ("reason", "refusal", "status"),
        [
            ("connect_error", "upstream_unreachable", 502),
            ("connect_timeout", "upstream_timeout", 504),
            ("timeout", "upstream_timeout", 504),
            ("broken", "upstream_broken", 502),
            ("egress_denied", "egress_denied", 502),
            ("simulator_disabled", "simulator_disabled", 502),
        ],
    )
    def test_no_answer(self, reason: Any, refusal: str, status: int) -> None:
        bench = Bench(FakeKeys([key("openai", "k")]))
        exchange = bench.open()
        exchange.begin(CHAT_BODY)
        step = exchange.failed(reason)
        assert (code(step), answer(step).status) == (refusal, status)
        assert bench.keys.reports[0].reason == reason

    def test_backoff_grows_and_is_bounded(self) -> None:
        config = ProxyConfig(backoff_first=1.0, backoff_most=4.0)
        bench = Bench(FakeKeys([key("openai", f"k{n}") for n in range(9)]), config=config)
        exchange = bench.open()
        assert sent(exchange.begin(CHAT_BODY)).delay == 0.0
        delays = [sent(exchange.failed("connect_error")).delay for _ in range(5)]
        assert 0.5 <= delays[0] <= 1.0
        assert 2.0 <= delays[-1] <= 4.0

    def test_streamed_body_is_sent_once(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k1"), key("openai", "k2")]))
        exchange = bench.open("/v1/openai/files")
        assert not exchange.buffers_body
        assert sent(exchange.begin(None)).body is None
        step = exchange.error_body(503, [], b"{}", whole=True)
        assert answer(step).status == 503

    def test_large_error_is_passed_on(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k1"), key("openai", "k2")]))
        exchange = bench.open()
        exchange.begin(CHAT_BODY)
        assert isinstance(exchange.answered(500, "", ""), ReadError)
        step = exchange.error_body(500, [], b"part", whole=False)
        assert isinstance(step, Relay)
        assert step.first == b"part"


class TestKeys:
    def test_none_stored_and_none_ready(self) -> None:
        assert code(Bench(inventory=True).open().begin(b"{}")) == "no_key"
        step = Bench().open().begin(b"{}")
        assert code(step) == "no_key_available"
        assert dict(answer(step).headers)[b"retry-after"] == b"15"

    def test_no_base_url(self) -> None:
        bench = Bench(FakeKeys([key("custom", "k"), key("custom", "k2", base_url="https://h")]))
        exchange = bench.open("/v1/custom/chat/completions")
        assert sent(exchange.begin(b"{}")).url == "https://h/chat/completions"
        alone = Bench(FakeKeys([key("custom", "k")])).open("/v1/custom/chat/completions")
        assert code(alone.begin(b"{}")) == "no_base_url"

    def test_the_secret_hides(self) -> None:
        bench = Bench(FakeKeys([key("google", "hide-me")]))
        exchange = bench.open("/v1/google/v1/models/g:generateContent")
        step = sent(exchange.begin(b"{}"))
        assert "hide-me" not in repr(step)
        assert "hide-me" not in repr(bench.keys.keys)

    def test_token_in_the_path_is_refused(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k")]))
        refused = bench.open(f"/v1/openai/files/{TOKEN}").refused
        assert code(refused) == "bad_path"


class TestUsage:
    def relay(self, bench: Bench, body: bytes, stream: list[bytes]) -> bytes:
        exchange = bench.open()
        exchange.begin(body)
        step = exchange.answered(200, "text/event-stream", "")
        assert isinstance(step, Relay)
        out = b""
        for piece in stream:
            out += exchange.passing(piece)
            exchange.seen(piece)
        out += exchange.ended()
        exchange.close()
        return out

    CHUNK = b'data: {"model":"m","choices":[{"index":0}],"usage":null}\n\n'
    EXTRA = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    DONE = b"data: [DONE]\n\n"

    def test_extra_chunk_is_hidden_and_counted(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k")]))
        data = self.CHUNK + self.EXTRA + self.DONE
        out = self.relay(bench, CHAT_BODY, [data[i : i + 5] for i in range(0, len(data), 5)])
        assert out == self.CHUNK + self.DONE
        assert bench.usage.records[0].usage.output_tokens == 4

    def test_who_asks_gets_it(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k")]))
        body = b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'
        data = self.CHUNK + self.EXTRA + self.DONE
        assert self.relay(bench, body, [data]) == data

    def test_simulated_is_asked_too(self) -> None:
        bench = Bench(FakeKeys([key("custom", "", base_url=SIMULATED_BASE_URL)]))
        step = sent(bench.open("/v1/custom/chat/completions").begin(CHAT_BODY))
        assert orjson.loads(step.body or b"")["stream_options"] == {"include_usage": True}

    def test_record_holds_no_secret_and_comes_once(self) -> None:
        bench = Bench(FakeKeys([key("openai", "the-secret")]))
        exchange = bench.open()
        exchange.begin(b'{"model":"m","messages":[{"content":"the-prompt"}]}')
        exchange.answered(200, "application/json", "")
        exchange.passing(b'{"choices":[{"message":{"content":"the-answer"}}]}')
        exchange.close()
        exchange.close()
        assert len(bench.usage.records) == len(bench.budgets.settled) == 1
        text = repr(bench.usage.records)
        assert not [word for word in ("the-secret", "the-prompt", "the-answer", TOKEN) if word in text]

    def test_cancelled_before_any_answer(self) -> None:
        bench = Bench(FakeKeys([key("openai", "k")]))
        exchange = bench.open()
        exchange.begin(b"{}")
        exchange.close("client_closed")
        assert (bench.usage.records[0].status, bench.usage.records[0].error_code) == (499, "client_closed")

    def test_nobody_is_recorded_without_a_token(self) -> None:
        bench = Bench()
        exchange = bench.open(headers=[], path="/v1/nobody/x")
        assert code(exchange.refused) == "unknown_vendor"
        pipeline_less = Bench()
        head = RequestHead("POST", "/v1/openai/x", "", [(b"authorization", b"Bearer no")])
        pipeline = Pipeline(
            tokens=FakeTokens(),
            keys=pipeline_less.keys,
            budgets=pipeline_less.budgets,
            usage=pipeline_less.usage,
            catalog=load_catalog(),
        )
        pipeline.open(pipeline.route(head)).close()
        assert not pipeline_less.usage.records


class TestResponseHeaders:
    def test_what_is_our_own(self) -> None:
        bench = Bench(FakeKeys([key("openai", "the-secret")]))
        exchange = bench.open()
        exchange.begin(b"{}")
        bench.now += 0.5
        step = exchange.answered(200, "application/json", "")
        assert isinstance(step, Relay)
        own = dict(pairs_of(step.own))
        assert own[b"x-clawbot-attempts"] == b"1"
        assert own[b"x-clawbot-key"] == str(bench.keys.keys[0].key_id).encode()
        assert own[b"x-clawbot-trace-id"] == exchange.trace_id.encode()
        assert own[b"x-clawbot-overhead-ms"] == b"0.000"  # the wait for the provider is not ours
