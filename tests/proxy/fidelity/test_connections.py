"""Clients come and go; nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import random

from tests.proxy.rig import FILES, Rig, chat, request, until
from tests.support.raw import Call, RawClient, status_of

CLIENTS = 500
ROUNDS = 3


async def test_five_hundred_keep_alive_clients_leave_nothing_behind() -> None:
    """Some wait for their answers, some leave early, some in the middle; the provider fails now and then."""
    generator = random.Random(4)

    async def answer(call: Call) -> None:
        await call.body()
        fate = generator.random()
        if fate < 0.03:
            call.reset()
        elif fate < 0.06:
            await call.answer(status=b"503 Service Unavailable")
        elif fate < 0.3:
            await call.begin(b"content-type: text/event-stream")
            for number in range(3):
                await call.chunk(b"data: %d\n\n" % number)
            await call.chunk(b"")
        else:
            await call.answer(b'{"a":1}', b"content-type: application/json")

    async with Rig().running(backoff_first=0.0, upstream_idle=0.5, drain_seconds=0.05) as rig:
        rig.add_key("openai", "sk-a-second-key-for-what-fails")
        rig.provider.answering = answer
        await one_client(rig, generator)
        await until(lambda: not rig.server.clients and len(rig.server.pool) == 0)
        gc.collect()
        before = len(asyncio.all_tasks())
        for _ in range(ROUNDS):
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(one_client(rig, generator))
        await until(lambda: not rig.server.clients)
        await until(lambda: len(rig.server.pool) == 0)
        await until(lambda: rig.provider.open == 0)
        await until(lambda: len(asyncio.all_tasks()) <= before)
        server = rig.server
        assert server._held == 0
        assert not server.pool._idle
        assert [task.get_name() for task in server._tasks._tasks] == ["proxy sweep"]
        assert len(rig.usage.records) == len(rig.budgets.settled) == rig.budgets.admitted


async def one_client(rig: Rig, generator: random.Random) -> None:
    client = await RawClient.connect(rig.server.port)
    for _ in range(generator.randrange(1, 4)):
        kind = generator.random()
        if kind < 0.1:
            await client.send(request("POST", FILES, "content-length: 100") + b"half")
            break
        if kind < 0.2:
            await client.send(chat(stream=True)[: generator.randrange(20, 200)])
            break
        await client.send(chat(stream=kind < 0.5))
        if kind < 0.25:
            break
        head, _ = await client.answer()
        assert status_of(head) in (200, 502, 503)
    client.reset() if generator.random() < 0.5 else client.close()


async def test_connections_to_providers_are_used_again(rig: Rig) -> None:
    async def one() -> None:
        client = await rig.client()
        for _ in range(20):
            await client.send(chat())
            await client.answer()

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(one())
    assert rig.provider.accepted <= 10
    assert len(rig.provider.heads) == 200


async def test_no_more_than_so_many_wait() -> None:
    async with Rig().running(upstream_idle_most=3) as rig:
        held = asyncio.Event()

        async def answer(call: Call) -> None:
            await call.body()
            await held.wait()
            await call.answer()

        rig.provider.answering = answer
        clients = [await rig.client() for _ in range(10)]
        for client in clients:
            await client.send(chat())
        await until(lambda: len(rig.provider.heads) == 10)
        held.set()
        for client in clients:
            await client.answer()
        await until(lambda: rig.provider.open == 3)
        assert len(rig.server.pool) == 3


async def test_waiting_connections_are_closed_in_the_end() -> None:
    async with Rig().running(upstream_idle=0.2) as rig:
        client = await rig.client()
        await client.send(chat())
        await client.answer()
        await until(lambda: rig.provider.open == 0)
        assert len(rig.server.pool) == 0
        assert not rig.server.pool._idle
