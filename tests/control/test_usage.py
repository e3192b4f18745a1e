"""What the usage routes tell: attempts by the labels of their keys, details, and only what is one's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager.app.compose import Installation
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.kit.ids import uuid7
from tests.support.api import Api
from tests.support.clock import MovableClock


async def owner_of(api: Api) -> UUID:
    return UUID((await api.get("/api/user/me")).json["id"])


async def add(installation: Installation, owner: UUID, at: Any, **change: Any) -> None:
    facts: dict[str, Any] = {
        "id": uuid7(),
        "owner_kind": "user",
        "owner_id": owner,
        "at": at,
        "trace_id": "t" * 32,
        "bot_id": uuid7(),
        "hostname": "scout",
        "token_id": uuid7(),
        "vendor": "openai",
        "method": "POST",
        "endpoint": "/chat/completions",
        "streamed": False,
        "status": 200,
        "input_tokens": 3,
        "output_tokens": 0,
        "usage_source": "provider",
        "duration_ms": 12,
        "attempts": [],
        "is_simulated": False,
    }
    async with installation.database.transaction() as tx:
        tx.add(UsageRow(**{**facts, **change}))


async def listed(api: Api, query: str = "") -> list[Any]:
    answer = await api.get(f"/api/usage{query}")
    assert answer.status == 200, answer.text
    items: list[Any] = answer.json["items"]
    return items


async def test_one_request_in_full(user: Api, installation: Installation, clock: MovableClock) -> None:
    added = await user.post(
        "/api/provider-key", {"vendor": "openai", "label": "main", "secret": "sk-0123456789abcdef"}
    )
    key_id, stranger = added.json["id"], str(uuid7())
    attempts = [
        {"key_id": key_id, "status": 429, "reason": "rate_limited"},
        {"key_id": stranger, "status": None, "reason": "connect_error"},
        {"key_id": None, "status": 200, "reason": None},
    ]
    details = {"audio_input_tokens": 5, "cost_usd": 0.25, "service_tier": "flex"}
    await add(
        installation, await owner_of(user), clock.now(), attempts=attempts, details=details, first_byte_ms=7
    )
    await user.patch(f"/api/provider-key/{key_id}", {"label": "renamed"})
    (told,) = await listed(user)
    assert told["attempts"] == [
        {"key_id": key_id, "key_label": "renamed", "status": 429, "reason": "rate_limited"},
        {"key_id": stranger, "key_label": None, "status": None, "reason": "connect_error"},
        {"key_id": None, "key_label": None, "status": 200, "reason": None},
    ]
    assert told["details"] == details
    assert (told["first_byte_ms"], told["duration_ms"]) == (7, 12)
    assert (told["input_tokens"], told["output_tokens"], told["cache_read_tokens"]) == (3, 0, None)
    await user.delete(f"/api/provider-key/{key_id}")
    assert (await listed(user))[0]["attempts"][0]["key_label"] == "renamed"


async def test_no_label_of_a_strangers_key(
    user: Api, admin: Api, installation: Installation, clock: MovableClock
) -> None:
    added = await admin.post(
        "/api/provider-key", {"vendor": "openai", "label": "theirs", "secret": "sk-0123456789abcdef"}
    )
    attempts = [{"key_id": added.json["id"], "status": 200, "reason": None}]
    await add(installation, await owner_of(user), clock.now(), attempts=attempts)
    assert (await listed(user))[0]["attempts"][0]["key_label"] is None
    assert await listed(admin) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["left early", "left", "broken", "refused", "fine"]),
        ("?failed=true", ["broken", "refused"]),
        ("?failed=false", ["left early", "left", "fine"]),
        ("?trace_id=trace-of-broken", ["broken"]),
        ("?trace_id=nobody", []),
        ("?hostname=refused", ["refused"]),
        ("?vendor=google", ["fine"]),
        ("?vendor=google&failed=true", []),
    ],
)
async def test_filters(
    user: Api, installation: Installation, clock: MovableClock, query: str, found: list[str]
) -> None:
    owner = await owner_of(user)
    rows: dict[str, dict[str, Any]] = {
        "fine": {"vendor": "google"},
        "refused": {"status": 404, "error_code": "no_key"},
        "broken": {"error_code": "upstream_broken"},
        "left": {"error_code": "client_closed"},
        "left early": {"status": 499, "error_code": "client_closed"},
    }
    for hostname, change in rows.items():
        await add(
            installation, owner, clock.now(), hostname=hostname, trace_id=f"trace-of-{hostname}", **change
        )
    assert [one["hostname"] for one in await listed(user, query)] == found
    summary = (await user.get("/api/usage/summary?days=1")).json
    assert (summary["totals"]["requests"], summary["totals"]["errors"]) == (5, 2)


async def test_a_long_trace_is_found_as_it_is_kept(
    user: Api, installation: Installation, clock: MovableClock
) -> None:
    await add(installation, await owner_of(user), clock.now(), trace_id="x" * 64)
    assert len(await listed(user, f"?trace_id={'x' * 100}")) == 1


async def test_pages_keep_the_filters(user: Api, installation: Installation, clock: MovableClock) -> None:
    owner = await owner_of(user)
    for number in range(6):
        change = {"error_code": "no_key", "status": 404} if number % 2 else {}
        await add(installation, owner, clock.now(), hostname=f"bot-{number}", **change)
        clock.move(seconds=1)
    first = (await user.get("/api/usage?failed=true&limit=2")).json
    rest = (await user.get(f"/api/usage?failed=true&limit=2&cursor={first['next_cursor']}")).json
    assert [one["hostname"] for one in first["items"] + rest["items"]] == ["bot-5", "bot-3", "bot-1"]
    assert rest["next_cursor"] is None


async def test_pages_go_by_the_time_of_the_request(
    user: Api, installation: Installation, clock: MovableClock
) -> None:
    """Not by when its row was written: a long stream's comes late. Requests of one moment stay apart."""
    owner, now = await owner_of(user), clock.now()
    for minutes, hostname in [(5, "e"), (3, "c"), (4, "d2"), (4, "d1"), (1, "a"), (2, "b")]:
        await add(installation, owner, now - timedelta(minutes=minutes), hostname=hostname)
    seen: list[str] = []
    cursor = ""
    while len(seen) < 6:
        page = (await user.get(f"/api/usage?limit=2{cursor}")).json
        seen += [row["hostname"] for row in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert [*seen[:3], *sorted(seen[3:5]), *seen[5:]] == ["a", "b", "c", "d1", "d2", "e"]
