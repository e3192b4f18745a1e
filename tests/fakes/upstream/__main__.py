"""A process of its own: `python -m tests.fakes.upstream`."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from pathlib import Path

from tests.fakes import upstream as package
from tests.fakes.upstream import MockUpstream


async def _main(port: int, log: Path | None, key: str | None) -> None:
    upstream = MockUpstream(keys={key} if key else None, log=log)
    async with upstream.serving(port=port):
        print(upstream.url, flush=True)  # noqa: T201 - says that it is ready, and where
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=package.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--key")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(arguments.port, arguments.log, arguments.key))
