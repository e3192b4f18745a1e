"""Serves the proxy's part of the program in this process."""

import asyncio
import ctypes
import gc
import os
import signal
import socket
import sys
from contextlib import suppress

import uvloop

from clawbot_manager.app.proxy_health import Health
from clawbot_manager.app.proxy_plan import ProxyPlan, read_plan
from clawbot_manager.app.wiring import build_pipeline
from clawbot_manager.control.dataplane.plane import build_data_plane
from clawbot_manager.control.dataplane.store import StoreAwayError, Turned
from clawbot_manager.infra.crypto.opening import OpenerError, ProcessOpener
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.hardening import keep_memory_private
from clawbot_manager.infra.http.egress import EgressPolicy
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.infra.telemetry.plain import configure_plain_logs
from clawbot_manager.kit.clock import SystemClock
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.vendors.catalog import load_catalog

_log = get_logger("clawbot_manager.app.proxy_role")

_DRAIN_SECONDS = 20
# A request leaves no cycle behind, so that looking for some every 700 objects finds what a failure left
_COLLECT_AFTER = (20_000, 20, 20)


def serve(plan: bytes, listening: int, lifeline: int | None = None) -> int:
    """Serve on the socket until a signal asks to stop, or the other end of `lifeline` is closed.

    The exit code: 1 when it could not start, with a line on standard error that says why.
    """
    given = read_plan(plan)
    if given.keeps_memory_private:
        keep_memory_private()
    os.umask(0o077)
    configure_plain_logs(given.log_level, given.log_format, given.data_plane.redact)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(given, socket.socket(fileno=listening), lifeline))
    except (StoreAwayError, OpenerError) as error:
        print(f"Error: tokens and keys could not be read ({error}).", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(plan: ProxyPlan, listener: socket.socket, lifeline: int | None) -> None:
    stopping = _stop_signal(lifeline)
    clock = SystemClock()
    master_keys = {int(version): key for version, key in plan.master_keys.items()}
    plane = build_data_plane(
        plan.data_plane, ProcessOpener(master_keys), TokenHasher(plan.token_secret), clock, _tell_in_the_log
    )
    server = ProxyServer(
        build_pipeline(plane, load_catalog(), plan.proxy, clock),
        policy=EgressPolicy.from_entries(plan.egress_allow, allow_http=plan.egress_allow_http),
        config=plan.proxy,
        local=Health(plane, plan.data_dir),
        on_failure=_report_failure,
    )
    try:
        await plane.start()
        await server.start(sock=listener)
        _settle_memory()
        _log.info("server.started", role="proxy", pid=os.getpid())
        await stopping.wait()
        await server.close(_DRAIN_SECONDS)
    finally:
        await plane.close()
    _log.info("server.stopped", role="proxy", pid=os.getpid())


def _stop_signal(lifeline: int | None) -> asyncio.Event:
    """Set when it is time to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if lifeline is not None:

        def cut() -> None:
            loop.remove_reader(lifeline)
            stopping.set()

        loop.add_reader(lifeline, cut)
    return stopping


def _settle_memory() -> None:
    """Let the garbage collector never look again at what stays, and give back what the start used."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with suppress(AttributeError, OSError):  # glibc's own
        ctypes.CDLL(None).malloc_trim(0)


async def _tell_in_the_log(turned: list[Turned]) -> None:
    for one in turned:
        _log.warning(
            "key.retired" if one.news.health == "failed" else "key.parked",
            key_id=str(one.news.key_id),
            vendor=one.vendor,
            reason=one.news.state_reason,
        )


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("proxy.task_failed", task=name, exc_info=error)
