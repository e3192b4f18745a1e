"""The API client: pages, streams, odd servers, and where the token may go."""

import socket
import threading

import pytest

from clawbot_manager.cli.client import ApiClient, events
from clawbot_manager.cli.errors import ApiError, CliError
from clawbot_manager.cli.profile import Target
from clawbot_manager.cli.session import segment
from tests.cli.fake_api import Answer, FakeApi, fake_api


@pytest.fixture
def client(api: FakeApi) -> ApiClient:
    return ApiClient(Target(api.url, "tok", "option"))


def test_a_request_carries_token_query_and_body(api: FakeApi, client: ApiClient) -> None:
    api.on("GET", "/api/usage", {"ok": 1})
    api.on("POST", "/api/bot", None, status=204)
    assert client.get("/api/usage", days=7, vendor=None, q="ä b") == {"ok": 1}
    assert client.post("/api/bot", {"name": "ä"}) is None
    asked, posted = api.asked
    assert asked.query == {"days": "7", "q": "ä b"}
    assert asked.headers["authorization"] == "Bearer tok"
    assert (posted.body, posted.headers["content-type"]) == ({"name": "ä"}, "application/json")


def test_pages_are_followed_up_to_the_limit(api: FakeApi, client: ApiClient) -> None:
    pages = [{"items": [1, 2], "next_cursor": "c1"}, {"items": [3, 4], "next_cursor": "c2"}]
    api.on("GET", "/api/bot", *pages)
    assert client.page("/api/bot", 4) == {"items": [1, 2, 3, 4], "next_cursor": "c2"}
    assert [one.query for one in api.asked] == [{"limit": "4"}, {"limit": "2", "cursor": "c1"}]


def test_pages_end_with_the_list(api: FakeApi, client: ApiClient) -> None:
    api.on("GET", "/api/bot", {"items": [1], "next_cursor": "c"}, {"items": [2], "next_cursor": None})
    assert client.page("/api/bot", 500) == {"items": [1, 2], "next_cursor": None}
    assert api.asked[0].query == {"limit": "200"}


def test_all_takes_pages_and_plain_lists(api: FakeApi, client: ApiClient) -> None:
    api.on(
        "GET",
        "/api/bot",
        {"items": [{"a": 1}], "next_cursor": "c"},
        {"items": [{"a": 2}], "next_cursor": None},
    )
    api.on("GET", "/api/vendor", [{"a": 3}])
    assert client.all("/api/bot") == [{"a": 1}, {"a": 2}]
    assert client.all("/api/vendor") == [{"a": 3}]


def test_a_list_that_is_none_is_refused(api: FakeApi, client: ApiClient) -> None:
    api.on("GET", "/api/bot", {"hello": 1})
    for call in (client.all, lambda path: client.page(path, 5)):
        with pytest.raises(CliError, match="does not answer like a ClawBotManager server"):
            call("/api/bot")


def test_a_page_of_another_program(api: FakeApi, client: ApiClient) -> None:
    api.on("GET", "/api/bot", b"<html>", content_type="text/html")
    with pytest.raises(CliError, match="does not answer like a ClawBotManager server"):
        client.get("/api/bot")
    api.on("GET", "/api/bot", b"<html>", status=502)
    with pytest.raises(ApiError) as error:
        client.get("/api/bot")
    assert error.value.line() == "The server answered 502 Bad Gateway."


def test_a_redirect_never_gets_the_token(api: FakeApi, client: ApiClient) -> None:
    with fake_api() as other:
        other.on("GET", "/api/bot", {})
        api.on("GET", "/api/bot", Answer(307, None, {"location": f"{other.url}/api/bot"}))
        with pytest.raises(CliError, match=f"redirects to {other.url}"):
            client.get("/api/bot")
        assert other.asked == []


def test_a_loopback_server_is_asked_without_a_proxy(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    api.on("GET", "/api/bot", {"ok": 1})
    assert ApiClient(Target(api.url, "tok", "option")).get("/api/bot") == {"ok": 1}


def test_a_server_that_hangs_up_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(CliError, match="Cannot reach"):
            ApiClient(Target(f"http://127.0.0.1:{server.getsockname()[1]}", "tok", "option")).get("/api/bot")
        thread.join()


def test_a_stream_that_is_none_is_refused(api: FakeApi, client: ApiClient) -> None:
    api.on("POST", "/api/bot/a/chat", {"ok": 1})
    with pytest.raises(CliError, match="does not answer like"):
        list(client.stream("/api/bot/a/chat", {}))


def test_events_are_joined_and_comments_skipped() -> None:
    lines = [
        b": hello\n",
        b"event: x\n",
        b"data: a\r\n",
        b"data:b\n",
        b"\n",
        b"\n",
        b"data\n",
        b"\n",
        b"data: c\n",
    ]
    assert list(events(iter(lines))) == ["a\nb", "", "c"]


@pytest.mark.parametrize(
    ("value", "path"), [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("a?b#c", "a%3Fb%23c"), ("a.b", "a.b")]
)
def test_a_value_stays_one_segment(value: str, path: str) -> None:
    assert segment(value) == path
