"""Our own program, ready to be measured: an installation with one bot and some keys, served as always.

    python -m bench.proxy_server [--role proxy|all] [--cpu 0]

starts the mock and the proxy, prints how to call it, and runs until Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

import clawbot_manager
from bench.asks import MODEL
from bench.machine import LOAD_CPU, PROXY_CPU, Running, free_port, running, wait_for_port
from bench.mock import mock
from bench.target import Target
from clawbot_manager import app
from clawbot_manager.app.compose import Installation, compose
from clawbot_manager.app.plan import data_plane_config
from clawbot_manager.control.bots.schemas import BotIn, BotProvider, BotTokenIn
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.bots.tokens import BotTokens
from clawbot_manager.control.dataplane.plane import open_store
from clawbot_manager.control.dataplane.unpacker import UsageUnpacker
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.vault.schemas import ProviderKeyIn
from clawbot_manager.control.vault.service import VaultService
from clawbot_manager.settings import load_settings
from clawbot_manager.settings.models import SQLITE_FILE
from clawbot_manager.settings.secrets import load_secrets

EMAIL = "bench@example.com"
PASSWORD = "correct horse battery"
PATH = "/api/v1/openai/chat/completions"
KEYS = 3


@dataclass(frozen=True, slots=True)
class Seeded:
    """An installation with a user, a bot with a token, and keys that lead to the mock."""

    data_dir: Path
    token: str
    environment: dict[str, str]

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data_dir / SQLITE_FILE


def seed(data_dir: Path, base_url: str, *, ca: Path | None = None, database_url: str | None = None) -> Seeded:
    """Make the installation with the program's own services and migrations, the keys at `base_url`."""
    address = base_url.split("/")[2]
    environment = {"CLAWBOT_EGRESS__ALLOW": json.dumps([address]), "CLAWBOT_RUNTIME__KIND": "process"}
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    settings = load_settings(environment, data_dir=data_dir)
    app.prepare(settings, lambda _line: None)
    token = asyncio.run(_fill(compose(settings, load_secrets(settings)), base_url))
    if ca is not None:
        environment["SSL_CERT_FILE"] = str(ca)
    return Seeded(data_dir, token, environment)


async def _fill(installation: Installation, base_url: str) -> str:
    vault: VaultService = installation.services[VaultService]
    bots: BotService = installation.services[BotService]
    tokens: BotTokens = installation.services[BotTokens]
    try:
        admin = await installation.accounts.create_admin(EMAIL, SecretStr(PASSWORD), None)
        caller = Caller(admin.id, "admin")
        async with installation.database.transaction() as tx:
            for number in range(KEYS):
                key = ProviderKeyIn(
                    vendor="openai",
                    label=f"bench {number}",
                    secret=SecretStr(f"sk-bench-{number:040d}"),
                    base_url=base_url,
                )
                await vault.create(tx, caller, key)
            provider = BotProvider(vendor="openai", models=[MODEL])
            given = BotIn(name="Bench", hostname="bench", providers=[provider], auto_start=False)
            bot = await bots.create(tx, caller, given)
            _, token = await tokens.add(tx, caller, bot, BotTokenIn(name="bench"))
        return token
    finally:
        await installation.close()


@contextlib.contextmanager
def ours(
    seeded: Seeded, work: Path, *, name: str = "ours", role: str = "proxy", cpu: int = PROXY_CPU
) -> Iterator[Target]:
    """The program as `serve --role proxy` or, for the role `all`, as `up`: nothing is set but addresses.

    `BENCH_PYTHON` is the interpreter that it runs on, the bench's own if it is not set.
    """
    with _serving(seeded, work, name, role, cpu) as (port, process):
        yield Target(name, port, PATH, process, token=seeded.token)


@contextlib.contextmanager
def worker(seeded: Seeded, work: Path) -> Iterator[Running]:
    """The program as `serve --role worker`: it makes rows of the usage that the proxy has stored."""
    with _serving(seeded, work, "worker", "worker", LOAD_CPU) as (_, process):
        yield process


@contextlib.contextmanager
def _serving(seeded: Seeded, work: Path, name: str, role: str, cpu: int) -> Iterator[tuple[int, Running]]:
    port = free_port()
    verb = ["up"] if role == "all" else ["serve", "--role", role]
    python = os.environ.get("BENCH_PYTHON", sys.executable)
    command = [python, "-m", "clawbot_manager", *verb, "--port", str(port)]
    command += ["--data-dir", str(seeded.data_dir)]
    # the sources that made the database are the ones that are measured; another interpreter of the same
    # version takes the packages from here too
    sources = Path(clawbot_manager.__file__).parents[1], sysconfig.get_path("purelib")
    environment = {**seeded.environment, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    with running(name, command, cpu=cpu, log=work / f"{name}.log", environment=environment) as process:
        wait_for_port(port, process)
        yield port, process


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What became of the usage that a proxy has stored in batches: CPU microseconds are for each record."""

    records: int
    cpu_us: float


def unpack_usage(seeded: Seeded) -> Unpacked:
    """Do what a worker does beside the proxy: make rows of the usage that it has stored."""
    settings = load_settings(seeded.environment, data_dir=seeded.data_dir)
    unpacker = UsageUnpacker(open_store(data_plane_config(settings)), poll_seconds=1)
    began = time.process_time()
    records = unpacker.look()
    return Unpacked(records, (time.process_time() - began) * 1e6 / max(1, records))


def main() -> int:
    """Serve for somebody who measures by hand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--role", choices=["proxy", "all"], default="proxy")
    parser.add_argument("--cpu", type=int, default=PROXY_CPU, help="the core that it runs on")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clawbot-bench-")))
        upstream = stack.enter_context(mock(work))
        seeded = seed(work / "data", upstream.base_url)
        target = stack.enter_context(ours(seeded, work, role=options.role, cpu=options.cpu))
        print(f"proxy pid {target.process.process.pid}, data and logs in {work}")
        print(f"mock  http://127.0.0.1:{upstream.port} (GET /stats)")
        body = '{"model":"mock:live-100x20","stream":true,"messages":[]}'
        print(f"curl -N {target.url} -H 'Authorization: Bearer {target.token}' -d '{body}'", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            target.process.process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
