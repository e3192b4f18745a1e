"""The proxy as a process of its own, for tests that look at what it takes from the machine.

    python -m tests.proxy.fidelity.lone_proxy URL-OF-THE-PROVIDER

Writes its port on a line, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.fakes.ports import bot
from tests.proxy.rig import TOKEN, Rig


async def serve(provider: str) -> None:
    rig = Rig()
    rig.tokens.bots[TOKEN] = bot()
    rig.add_key("openai", base_url=provider)
    async with rig.serving():
        sys.stdout.write(f"{rig.server.port}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1]))
