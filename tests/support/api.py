"""A whole installation behind a real socket, and a client that speaks to it as a script would."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
import uvicorn

from clawbot_manager.app.compose import Installation
from clawbot_manager.app.server import Role, root_app

PASSWORD = "correct horse battery"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class User:
    """A signed-in user. `refresh` is the cookie's value."""

    id: UUID
    email: str
    token: str
    refresh: str


@dataclass
class Api:
    """HTTP calls to a running installation."""

    base: str
    installation: Installation
    session: aiohttp.ClientSession
    user: User | None = None
    _count: list[int] = field(default_factory=lambda: [0])

    def as_(self, user: User | None) -> Api:
        """The same installation, called by somebody else; None for nobody."""
        return Api(self.base, self.installation, self.session, user, self._count)

    async def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        bearer = token or (self.user.token if self.user else None)
        if bearer:
            headers.setdefault("authorization", f"Bearer {bearer}")
        async with self.session.request(method, self.base + path, headers=headers, **more) as answer:
            lowered = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, lowered, await answer.read())

    async def stream(self, path: str) -> AsyncIterator[str]:
        """The data of each server-sent event, until the stream ends."""
        assert self.user
        headers = {"authorization": f"Bearer {self.user.token}"}
        async with self.session.get(self.base + path, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield line.removeprefix(b"data: ").decode()

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, json=body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.call("PATCH", path, json=body, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.call("DELETE", path, **more)

    async def sign_up(self, email: str | None = None) -> Api:
        """A new user's own view of the installation; the first one is the administrator."""
        self._count[0] += 1
        email = email or f"user{self._count[0]}@example.com"
        body = {"email": email, "password": PASSWORD, "setup_token": self.installation.accounts.setup_token()}
        answer = await self.as_(None).post("/api/auth/sign-up", body)
        assert answer.status == 201, answer.text
        return self.as_(signed_in(answer))


def signed_in(answer: Answer) -> User:
    user = answer.json["user"]
    return User(UUID(user["id"]), user["email"], answer.json["access_token"], refresh_cookie(answer))


def refresh_cookie(answer: Answer) -> str:
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "cbm_refresh"
    return rest.partition(";")[0]


@asynccontextmanager
async def serving(installation: Installation, role: Role = "all") -> AsyncIterator[Api]:
    """The installation on a loopback port, with everything of its role running."""
    config = uvicorn.Config(
        root_app(installation, role),
        lifespan="on",
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        http="httptools",
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.005)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            try:
                yield Api(f"http://127.0.0.1:{port}", installation, session)
            finally:
                server.should_exit = True
                await task


async def until(condition: Any, *, seconds: float = 20, what: str = "the condition") -> Any:
    """Wait until the awaitable function gives something true, and give that back."""
    async with asyncio.timeout(seconds):
        while True:
            if result := await condition():
                return result
            await asyncio.sleep(0.02)
    raise AssertionError(what)
