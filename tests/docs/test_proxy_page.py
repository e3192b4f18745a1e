"""docs/proxy.md: its examples run, and its tables say what the code does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import re
import subprocess
import warnings
from pathlib import Path

import pytest

from clawbot_manager.control.dataplane.budgets import LocalBudgets
from clawbot_manager.control.dataplane.rests import EFFECTS
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.policy import UNMETERED, rule_for
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.vendors.errors import MOVES_ON
from tests.fakes.ports import bot
from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import TEXT, TOKEN, World, over_the_wire, play

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "proxy.md").read_text(encoding="utf-8")
ADDRESS, PLACEHOLDER = "http://127.0.0.1:7100", "cbm_bot_…"
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def vendor_of(code: str) -> str:
    """The vendor whose address the example has."""
    found = re.search(rf"{ADDRESS}/api/v1/([a-z-]+)", code)
    assert found is not None
    return found[1]


def rows(heading: str, columns: int) -> list[list[str]]:
    """The rows of the first table behind a heading."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert table
    assert {len(row) for row in table} == {columns}
    return [[cell.strip() for cell in row] for row in table]


@over_the_wire
@pytest.mark.parametrize(("kind", "code"), BLOCKS, ids=[f"{kind} {vendor_of(code)}" for kind, code in BLOCKS])
async def test_an_example_runs(world: World, upstream: RecordedUpstream, kind: str, code: str) -> None:
    play(world, upstream, vendor_of(code))
    ready = code.replace(ADDRESS, world.url).replace(PLACEHOLDER, TOKEN)
    said = await asyncio.to_thread(run_python if kind == "python" else run_shell, ready)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # a program that ends closes its clients; an example need not
    text = "".join(re.findall(r'"text": "([^"]*)"', said)) if "--no-buffer" in code else said
    assert TEXT in text
    assert upstream.complaints == []
    await world.settled()
    assert world.usage.records[0].usage.source == "provider"


def run_python(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/proxy.md", "exec"), {})
    return out.getvalue()


def run_shell(code: str) -> str:
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_every_refusal_is_on_the_page() -> None:
    known = [one for one in vars(refusals).values() if isinstance(one, Refusal)]
    known += refusals._FAILURES.values()
    messages = {one.message for one in known}
    written = rows("Refusals", 3)
    of_limits = {("429", f"`{code}`") for code in limit_codes()}
    assert {(status, code) for status, code, _ in written} == of_limits | {
        (str(one.status), f"`{one.code}`") for one in known
    }
    for status, _, meaning in written:
        assert status == "429" or meaning in messages


def limit_codes() -> set[str]:
    """What the budgets say."""
    one = bot()
    codes = set()
    for budgets in (LocalBudgets(parallel=1), LocalBudgets(per_minute=1)):
        assert budgets.admit(one, "openai") is None
        codes.add(str(budgets.admit(one, "openai")))
    return codes


def test_what_happens_to_a_key() -> None:
    effects = {
        "is retired": "retire",
        "rests long": "park",
        "rests for as long": "cool",
        "others come first": "spare",
    }
    told: set[str] = set()
    for says, key, request in rows("Which key, and what happens when one fails", 3):
        kinds = set(re.findall(r"`(\w+)`", says))
        told |= kinds
        effect = next((word for words, word in effects.items() if key.startswith(words)), None)
        assert {EFFECTS.get(kind) for kind in kinds} == {effect}
        assert (kinds <= MOVES_ON) is request.startswith("moves on")
    assert told >= MOVES_ON


def test_what_is_refused() -> None:
    """Every reason of the policy, with paths that it is about."""
    told = dict(rows("What is counted", 2))
    assert set(told) == {rule.why for rule in UNMETERED}
    for why, examples in told.items():
        paths = {path for rule in UNMETERED if rule.why == why for path in rule.paths}
        assert set(re.findall(r"`(/\S+)`", examples)) <= paths, why
        vendors = {vendor for rule in UNMETERED if rule.why == why for vendor in rule.vendors or ()}
        named = re.findall(r"\(with ([a-z, -]+)\)", examples)
        assert {vendor for some in named for vendor in some.split(", ")} == vendors
    for path in ("/files", "/chat/completions", "/models/m:batchEmbedContents", "/upload/v1beta/files"):
        assert rule_for(UNMETERED, path, "") is None


def test_limits() -> None:
    config = ProxyConfig()
    said = {re.sub(r" \(`\w+`\)", "", what): default for what, default in rows("Limits and time-outs", 2)}
    assert said == {
        "Wait for a connection to the provider": f"{config.connect_timeout:g} s",
        "Silence of the provider, before and within an answer": f"{config.read_timeout:g} s",
        "How long other keys are tried": f"{config.failover_window:g} s",
        "Body that is read as a whole: all that is metered": f"{config.max_buffered_body >> 20} MiB",
        "All such bodies together": f"{config.max_buffered_total >> 20} MiB",
        "Body that is streamed through: uploads and forms": "no limit",
        "Head of a request": f"{config.max_head >> 10} KiB",
        "Silence of a client within a request": f"{config.head_timeout:g} s",
        "Client that takes nothing of its answer": f"{config.write_timeout:g} s",
        "Idle connection of a client": f"{config.idle_timeout:g} s",
        "Reading on for the usage after a client has left": f"{config.drain_seconds:g} s",
        "Silence in a WebSocket, pings included": f"{config.session_idle:g} s",
    }
    assert f"for {config.failover_window:g} seconds at most" in PAGE
