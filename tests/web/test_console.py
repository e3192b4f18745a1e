"""The console's files are served, everything else is its one page, and nothing outside is ever read."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clawbot_manager.web.console import Console

PAGE = "<!doctype html><title>the page</title>"
OUTSIDE = "outside of the console"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


async def ask(console: Console, path: str, method: str = "GET", **headers: str) -> Answer:
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(errors="replace"),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await console(scope, receive, send)
    start = sent[0]
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(one.get("body", b"") for one in sent[1:]).decode(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets.env").write_text(OUTSIDE)
    (tmp_path / "console-of-others").mkdir()
    (tmp_path / "console-of-others" / "x.txt").write_text(OUTSIDE)
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "app-3f2a.js").write_text("run()")
    (folder / "assets" / "leak.txt").symlink_to(tmp_path / "secrets.env")
    (folder / "assets" / "circle").symlink_to(folder / "assets" / "circle")
    (folder / "linked").symlink_to(tmp_path)
    return folder


@pytest.fixture
def console(folder: Path) -> Console:
    return Console(folder)


async def test_assets_are_kept_for_ever(console: Console) -> None:
    answer = await ask(console, "/assets/app-3f2a.js")
    assert (answer.status, answer.body) == (200, "run()")
    assert "immutable" in answer.headers["cache-control"]
    assert "javascript" in answer.headers["content-type"]


async def test_a_missing_asset_is_not_the_page(console: Console) -> None:
    for path in ("/assets/app-0000.js", "/assets/", "/assets/deep/none.css"):
        answer = await ask(console, path)
        assert (answer.status, "cache-control" in answer.headers) == (404, False)
        assert PAGE not in answer.body


@pytest.mark.parametrize("path", ["/", "/bots", "/bots/a.b", "/sign-up", "/index.html", "//", "/assets"])
async def test_every_other_address_is_the_page_and_asked_for_again(console: Console, path: str) -> None:
    answer = await ask(console, path)
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")


async def test_other_files_are_asked_for_again(console: Console) -> None:
    answer = await ask(console, "/favicon.svg")
    assert (answer.body, answer.headers["cache-control"]) == ("<svg/>", "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/../secrets.env",
        "/assets/../../secrets.env",
        "/assets/../../console-of-others/x.txt",
        "/../console-of-others/x.txt",
        "/%2e%2e/secrets.env",
        "/..%2fsecrets.env",
        "/%252e%252e%252fsecrets.env",
        "/..\\secrets.env",
        "//etc/passwd",
        "/assets/leak.txt",
        "/linked/secrets.env",
        "/assets/circle",
        "/assets/\x00",
        "/index.html\x00.png",
        "/" + "a" * 5000,
        "/" + "a/" * 3000,
        "/assets/" + "../" * 50 + "etc/passwd",
        "/\ud800",
    ],
)
async def test_nothing_leads_out(console: Console, path: str) -> None:
    answer = await ask(console, path)
    assert answer.status in {200, 404}
    assert answer.body in {PAGE, "Not found\n"}
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_the_page_by_way_of_assets_is_not_kept_for_ever(console: Console) -> None:
    answer = await ask(console, "/assets/../index.html")
    assert answer.headers["cache-control"] == "no-cache"


async def test_only_reading_methods(console: Console) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = await ask(console, "/", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    head = await ask(console, "/assets/app-3f2a.js", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, "", "5")


@pytest.mark.parametrize("made", [True, False])
async def test_not_built_says_what_to_do(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "console"
    if made:
        folder.mkdir()
    answer = await ask(Console(folder), "/")
    assert answer.status == 503
    assert "make up" in answer.body
    assert (await ask(Console(folder), "/assets/x.js")).status == 404
