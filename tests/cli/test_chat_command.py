"""`bot chat`: the answer as it comes, and what goes wrong on the way."""

import json

import pytest

from clawbot_manager.control.bots.schemas import ChatIn
from tests.cli.conftest import Cli
from tests.cli.fake_api import FakeApi

CHAT = "/api/bot/helper/chat"


def chunk(text: str | None = None, finish: str | None = None) -> str:
    delta = {} if text is None else {"content": text}
    return json.dumps(
        {"object": "chat.completion.chunk", "choices": [{"delta": delta, "finish_reason": finish}]}
    )


END = (chunk(finish="stop"), "[DONE]")


def test_one_message(cli: Cli, api: FakeApi) -> None:
    role = json.dumps({"choices": [{"delta": {"role": "assistant", "content": None}}]})
    usage = json.dumps({"choices": [], "usage": {"total_tokens": 3}})
    api.stream(CHAT, role, chunk("你"), chunk("好\x1b["), chunk(finish="stop"), usage, "[DONE]")
    result = cli("bot", "chat", "helper", "Hi there", "--conversation", "c1")
    assert (result.exit_code, result.stdout) == (0, "你好�[\n")
    assert ChatIn.model_validate(api.asked[0].body) == ChatIn(message="Hi there", conversation="c1")
    assert api.asked[0].headers["accept"] == "text/event-stream"


def test_a_message_alone_is_its_own_conversation(cli: Cli, api: FakeApi) -> None:
    api.stream(CHAT, chunk("ok\n"), *END)
    assert cli("bot", "chat", "helper", "Hi").stdout == "ok\n"
    assert api.asked[0].body == {"message": "Hi"}


def test_json_prints_the_chunks_as_they_are(cli: Cli, api: FakeApi) -> None:
    sent = (chunk("a"), chunk("b"), END[0])
    api.stream(CHAT, *sent, "[DONE]")
    assert cli("bot", "chat", "helper", "Hi", "--json").stdout.splitlines() == list(sent)
    assert cli("bot", "chat", "helper", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"message": "The bot broke off its answer.", "code": "bot_unreachable"},
            "broke off its answer (bot_unreachable).",
        ),
        ({"detail": "The quota is used up.", "code": "quota"}, "The quota is used up (quota)."),
        ("plain words", "plain words."),
        ({}, "The bot could not answer."),
    ],
)
def test_an_error_inside_the_stream(cli: Cli, api: FakeApi, error: object, said: str) -> None:
    api.stream(CHAT, chunk("Half an "), json.dumps({"error": error or {"x": 1}}))
    result = cli("bot", "chat", "helper", "Hi")
    assert result.exit_code == 1
    assert result.stdout == "Half an \n"
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr


def test_a_stream_that_just_ends_is_no_answer(cli: Cli, api: FakeApi) -> None:
    api.stream(CHAT, chunk("Half"))
    result = cli("bot", "chat", "helper", "Hi")
    assert result.exit_code == 1
    assert "The answer broke off. See `clawbot-manager bot logs helper`" in result.stderr


def test_a_chunk_that_is_none(cli: Cli, api: FakeApi) -> None:
    api.stream(CHAT, "<html>")
    assert "no chat chunk" in cli("bot", "chat", "helper", "Hi").stderr


def test_a_refusal_before_the_stream(cli: Cli, api: FakeApi) -> None:
    api.problem("POST", CHAT, 409, "The bot is stopped. Start it first.")
    result = cli("bot", "chat", "helper", "Hi")
    assert result.stderr == "Error: The bot is stopped. Start it first. (trace trace-1)\n"


def test_a_conversation_keeps_its_name_until_a_new_one(cli: Cli, api: FakeApi) -> None:
    api.stream(CHAT, chunk("ok"), *END)
    result = cli("bot", "chat", "helper", given="one\n\ntwo\n/new\nthree\n/exit\nfour\n")
    assert result.exit_code == 0
    assert [one.body["message"] for one in api.asked] == ["one", "two", "three"]
    first, second, third = (ChatIn.model_validate(one.body).conversation for one in api.asked)
    assert first == second != third
    assert None not in {first, third}


def test_a_conversation_can_be_continued_and_ends_with_the_input(cli: Cli, api: FakeApi) -> None:
    api.stream(CHAT, chunk("ok"), *END)
    assert cli("bot", "chat", "helper", "--conversation", "mine", given="one\n").exit_code == 0
    assert api.asked[0].body["conversation"] == "mine"


def test_a_conversation_survives_an_error(cli: Cli, api: FakeApi) -> None:
    api.problem("POST", CHAT, 503, "Not now.")
    result = cli("bot", "chat", "helper", given="one\ntwo\n")
    assert result.exit_code == 0
    assert result.stderr.count("Error: Not now.") == 2
