"""No operation of the API gives, changes or tells anything of another tenant's things.

It walks the document, so that a new operation is tried as well; one whose path or body it cannot fill fails
here, until it is told how.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from clawbot_manager.app.api import create_api
from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id
from tests.control.test_usage import add, owner_of
from tests.support.api import Api, until

MARK = "victims-own"
BODIES: dict[str, Any] = {
    "change_bot": {"name": "stolen"},
    "chat_with_bot": {"message": "tell me"},
    "clone_bot": {"hostname": "stolen"},
    "create_bot_token": {"name": "stolen"},
    "diagnose_bot": {},
    "update_provider_key": {"label": "stolen"},
    "upgrade_bot": {},
}
OF_ADMINISTRATORS = {"list_orphans", "clean_up"}


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    has_body: bool
    streams: bool

    @property
    def has_target(self) -> bool:
        return "{" in self.path


def operations() -> Iterator[Operation]:
    paths = create_api({}, secure_cookies=False).openapi()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            answers = operation["responses"].values()
            streams = any("text/event-stream" in answer.get("content", {}) for answer in answers)
            name, body = operation["operationId"], "requestBody" in operation
            yield Operation(name, method.upper(), path, body, streams)


TARGETED = [one for one in operations() if one.has_target]
PLAIN_READS = [one for one in operations() if not one.has_target and one.method == "GET"]


@dataclass(frozen=True)
class Victim:
    """A tenant that has one of everything."""

    api: Api
    ids: dict[str, str]

    def path(self, operation: Operation) -> str:
        path = operation.path
        for name in ("hostname", "key_id", "backup_id", "bot_id", "session_id"):
            path = path.replace(f"{{{name}}}", self.ids.get(name, ""))
        of_bot = operation.path.startswith("/api/bot/")
        path = path.replace("{token_id}", self.ids["bot_token" if of_bot else "api_token"])
        assert "{" not in path, f"say here what to put into {operation.path}"
        return path

    async def call(self, operation: Operation, caller: Api) -> Any:
        if operation.has_body:
            assert operation.name in BODIES, f"say here what {operation.name} takes"
        body = BODIES[operation.name] if operation.has_body else None
        return await caller.call(operation.method, self.path(operation), json=body)


@pytest.fixture
async def victim(user: Api, runtime: FakeRuntime) -> Victim:
    given = {"vendor": "custom", "label": MARK, "base_url": "simulated://provider"}
    key = await user.post("/api/provider-key", given)
    await create(user, "gone-bot", name=MARK, auto_start=False)
    gone = str(await bot_id(user, "gone-bot"))
    await user.delete("/api/bot/gone-bot")

    async def is_gone() -> bool:
        return (await user.get("/api/bot/gone-bot")).status == 404

    await until(is_gone)
    await create(user, "victims-bot", name=MARK, persona={"name": MARK}, auto_start=False)
    identity = await bot_id(user, "victims-bot")
    await add(user.installation, await owner_of(user), datetime.now(UTC), bot_id=identity, hostname=MARK)
    ids = {
        "hostname": "victims-bot",
        "key_id": key.json["id"],
        "bot_id": gone,
        "bot_token": (await user.post("/api/bot/victims-bot/token", {"name": MARK})).json["id"],
        "backup_id": (await user.post("/api/bot/victims-bot/backup")).json["id"],
        "api_token": (await user.post("/api/api-token", {"name": MARK})).json["id"],
        "session_id": (await user.get("/api/user/me/session")).json[0]["id"],
    }
    return Victim(user, ids)


async def everything(victim: Victim) -> dict[str, Any]:
    """What the victim sees, without what moves by itself."""
    seen = {}
    for operation in [*PLAIN_READS, *TARGETED]:
        if operation.method == "GET" and not operation.streams and operation.name not in _MOVE:
            answer = await victim.call(operation, victim.api)
            if operation.name not in OF_ADMINISTRATORS:
                assert answer.status in {200, 409, 503}, (operation.name, answer.text)
            seen[operation.name] = answer.text if answer.status == 200 else answer.status
    return seen


_MOVE = {"export_bot", "bot_stats", "system", "live", "ready", "diagnostics", "export_audit_events"}


def test_the_operations_that_are_named_here_exist() -> None:
    known = {operation.name for operation in operations()}
    assert known >= OF_ADMINISTRATORS | _MOVE | BODIES.keys()


@pytest.mark.parametrize("who", ["user", "admin"])
async def test_a_stranger_finds_and_changes_nothing(victim: Victim, admin: Api, who: str) -> None:
    stranger = admin if who == "admin" else await admin.sign_up("stranger@example.com")
    before = await everything(victim)
    for operation in TARGETED:
        answer = await victim.call(operation, stranger)
        assert answer.status == 404, (operation.name, answer.status, answer.text)
        assert MARK not in answer.text, operation.name
    for operation in PLAIN_READS:
        answer = await stranger.get(operation.path)
        assert MARK not in answer.text, operation.name
        assert answer.status < 500, operation.name
        if who == "user" and operation.name in OF_ADMINISTRATORS:
            assert answer.status == 403
    assert await everything(victim) == before


async def test_the_owner_does_all_of_it(victim: Victim) -> None:
    """Else a 404 of the stranger's would prove nothing."""
    order = sorted(TARGETED, key=lambda one: (one.method == "DELETE", -len(one.path)))
    order.sort(key=lambda one: one.name == "end_session")  # what comes after it would be a stranger's
    for operation in order:
        if operation.streams:
            continue
        answer = await victim.call(operation, victim.api)
        assert answer.status not in {401, 403, 404, 405, 422}, (operation.name, answer.text)
        assert answer.status != 500
        if operation.name == "restore_bot" and answer.status == 202:
            await is_restored_of(victim.api, "victims-bot")


async def is_restored_of(api: Api, hostname: str) -> None:
    async def done() -> bool:
        return not (await api.get(f"/api/bot/{hostname}")).json["is_restoring"]

    await until(done)


@pytest.mark.parametrize(
    "scheme", ["", "Bearer ", "Bearer cbm_api_" + "x" * 43, "Bearer eyJ.eyJ.x", "Basic eDp5"]
)
async def test_without_a_good_token_nothing_is_there(victim: Victim, api: Api, scheme: str) -> None:
    headers = {"authorization": scheme} if scheme else {}
    for operation in TARGETED:
        body = BODIES.get(operation.name)
        answer = await api.call(operation.method, victim.path(operation), headers=headers, json=body)
        assert answer.status == 401, (operation.name, answer.status)
        assert MARK not in json.dumps(answer.text)
