"""Tokens that stop at once, and are nowhere in the clear."""

from __future__ import annotations

from sqlalchemy import text

from tests.control.test_bots import create
from tests.support.api import Api
from tests.support.clock import MovableClock


async def test_revoked_and_expired_ones_stop_at_once(user: Api, clock: MovableClock) -> None:
    await create(user)
    find = user.installation.snapshots.find
    gone = (await user.post("/api/bot/scout/token", {"name": "gone"})).json
    short = (await user.post("/api/bot/scout/token", {"name": "short", "expires_in_days": 1})).json
    assert find(gone["token"]) is not None
    assert find(short["token"]) is not None
    await user.delete(f"/api/bot/scout/token/{gone['id']}")
    assert find(gone["token"]) is None
    clock.move(days=1.1)
    assert find(short["token"]) is None
    assert find("") is None
    assert find("\ud800") is None


async def test_no_token_is_in_the_database(user: Api) -> None:
    await create(user)
    made = (await user.post("/api/bot/scout/token", {"name": "t"})).json
    async with user.installation.database.reading() as tx:
        rows = (await tx.execute(text("SELECT * FROM bot_tokens"))).all()
    assert made["token"] not in repr(rows)
