"""The API's document: committed, complete, and true about who may call what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager import app
from clawbot_manager.app.compose import Installation
from clawbot_manager.control.usage.models import UsageBatch
from clawbot_manager.runtimes.fake import FakeRuntime, Fault
from tests.support.api import Api
from tests.support.clock import MovableClock

COMMITTED = Path(__file__).parents[2] / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text())
OPEN_ROUTES = {
    "POST /api/auth/sign-up",
    "POST /api/auth/sign-in",
    "POST /api/auth/refresh",
    "POST /api/auth/sign-out",
    "GET /api/system",
    "GET /health",
    "GET /health/ready",
}
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]


def test_the_committed_document_is_up_to_date() -> None:
    assert app.openapi() == DOCUMENT, "run `make openapi`"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
class TestEachOperation:
    def test_is_described(self, method: str, path: str, operation: dict[str, Any]) -> None:
        assert operation["description"]
        assert operation["tags"]
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])

    def test_declares_its_errors_as_problems(self, method: str, path: str, operation: dict[str, Any]) -> None:
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        for status, answer in errors.items():
            expected = "application/json" if path == "/health/ready" else "application/problem+json"
            assert list(answer["content"]) == [expected], status
        if f"{method} {path}" not in OPEN_ROUTES:
            assert "401" in errors
        if "{" in path:
            assert "404" in errors


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_gets_in_without_a_token(admin: Api, name: str) -> None:
    method, path = name.split(" ")
    path = re.sub(r"\{\w+_id\}", "01a20544-b8e0-7937-b30e-f74c37c6b8be", path).replace("{hostname}", "scout")
    answer = await admin.as_(None).call(method, path, json={} if method in {"POST", "PATCH"} else None)
    if name in OPEN_ROUTES:
        assert answer.status != 500
    else:
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_health_and_system(api: Api) -> None:
    assert (await api.get("/health")).json["status"] == "ok"
    ready = await api.get("/health/ready")
    assert ready.status == 200
    assert {check["name"]: check["status"] for check in ready.json["checks"]} == {
        "database": "ok",
        "runtime": "warning",
        "disk": "ok",
        "usage": "ok",
    }
    system = (await api.get("/api/system")).json
    assert (system["needs_setup"], system["simulator_enabled"], system["isolated"]) == (True, True, False)


async def test_unready_when_the_runtime_is_away(api: Api, runtime: FakeRuntime) -> None:
    runtime.world.fail("probe", Fault.UNAVAILABLE)
    ready = await api.get("/health/ready")
    assert (ready.status, ready.json["status"]) == (503, "not_ready")
    assert next(check for check in ready.json["checks"] if check["name"] == "runtime")["hint"]


async def test_usage_that_no_worker_takes_is_told(
    api: Api, installation: Installation, clock: MovableClock
) -> None:
    async def usage() -> tuple[str, str]:
        checks = (await api.get("/health/ready")).json["checks"]
        check = next(check for check in checks if check["name"] == "usage")
        return check["status"], check["detail"]

    now = int(clock.now().timestamp() * 1000)
    async with installation.database.transaction() as tx:
        tx.add(UsageBatch(id=UUID(int=now << 80 | 7 << 76 | 2 << 62), body=b"of a newer version"))
    assert (await usage())[0] == "ok"  # it came just now
    clock.move(minutes=5)
    status, detail = await usage()
    assert status == "warning"
    assert re.fullmatch(r"usage of a proxy waits for a worker since 3\d\d s", detail)  # the clock runs on


async def test_answers_carry_a_trace_id_and_safe_headers(api: Api) -> None:
    answer = await api.get("/api/system", headers={"x-request-id": "abc-12345"})
    assert answer.headers["x-clawbot-trace-id"] == "abc-12345"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    hostile = await api.get("/api/system", headers={"x-request-id": "a b<script>"})
    assert re.fullmatch(r"[0-9a-f]{32}", hostile.headers["x-clawbot-trace-id"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:7100"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:7100"}, 200),
        ({"host": "192.0.2.7:7100"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example/@127.0.0.1"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "localhost:7100", "origin": "http://127.0.0.1:7101"}, 200),
        ({"host": "127.0.0.1", "origin": "http://evil.example"}, 403),
        ({"host": "127.0.0.1", "origin": "http://192.0.2.7"}, 403),
    ],
)
async def test_a_name_that_is_not_ours_is_not_served(api: Api, headers: dict[str, str], status: int) -> None:
    answer = await api.get("/api/system", headers=headers)
    assert answer.status == status, answer.text
    assert "x-clawbot-trace-id" in answer.headers
