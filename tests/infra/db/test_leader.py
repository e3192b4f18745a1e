"""Of several processes one leads, and another does once it is gone, however it went."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from clawbot_manager.infra.db import Database, Leadership
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.settings.models import normalise_database_url

LEADS_UNTIL_KILLED = """
import asyncio, sys
from clawbot_manager.infra.db import Database, Leadership
from clawbot_manager.infra.events.bus import EventBus

async def main():
    leadership = Leadership(Database(sys.argv[1], EventBus()), "test")
    print(await leadership.acquire(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
async def databases(database_url: str) -> AsyncIterator[list[Database]]:
    """Two, as two processes have them."""
    url = normalise_database_url(database_url)
    both = [Database(url, EventBus()), Database(url, EventBus())]
    for database in both:
        await database.ping()
    yield both
    for database in both:
        await database.close()


async def test_one_leads_until_it_lets_go(databases: list[Database]) -> None:
    one, two = (Leadership(database, "test") for database in databases)
    assert await one.acquire()
    assert not await two.acquire()
    assert await one.acquire(), "it still does"
    await one.release()
    assert await two.acquire()
    assert not await one.acquire()
    await two.release()


async def test_names_do_not_meet(databases: list[Database]) -> None:
    one, two = Leadership(databases[0], "test"), Leadership(databases[1], "other")
    assert await one.acquire()
    assert await two.acquire()
    await one.release()
    await two.release()


async def test_who_is_killed_leads_no_more(databases: list[Database]) -> None:
    url = databases[0].url
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LEADS_UNTIL_KILLED, url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"True\n"
    successor = Leadership(databases[1], "test")
    assert not await successor.acquire()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with asyncio.timeout(20):
        while not await successor.acquire():  # the server notices the end of a session a little later
            await asyncio.sleep(0.05)
    await successor.release()
