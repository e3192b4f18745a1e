"""The installed program, a provider in another process, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.program import PASSWORD, Program, free_port
from tests.support.provider import Upstream, provider


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    """The provider."""
    with provider(tmp_path) as upstream:
        yield upstream


@pytest.fixture
def program(tmp_path: Path, upstream: Upstream) -> Iterator[Program]:
    allowed = upstream.url.removeprefix("http://").removesuffix("/v1")
    program = Program(
        tmp_path / "data",
        free_port(),
        tmp_path / "server.log",
        environment={"CLAWBOT_EGRESS__ALLOW": allowed, "CLAWBOT_RUNTIME__FIRST_PORT": str(free_port())},
    )
    program.start()
    yield program
    program.clean_up()


def open_signed_in(page: Page, path: str) -> None:
    """Go to a page as the first user, who has an account and no session in this browser."""
    page.goto(path)
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of this test's own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, program: Program) -> Iterator[Page]:
    """A fresh profile. Whatever the page logs as an error fails the test."""
    context = browser.new_context(
        base_url=program.base, locale="en-GB", viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    yield page
    context.close()
    assert errors == []
