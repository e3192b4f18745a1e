"""From the start of the process to its end."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from .environment import Environment, read_environment
from .gateway import Bot, listen
from .journal import log
from .refusals import ConfigError

DRAIN_SECONDS = 20.0


def take_lock(state_dir: Path) -> int | None:
    """The lock that makes this process the only one of its bot, None when another holds it."""
    lock = os.open(state_dir / "bot.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def serve(environment: Environment, bot_id: str) -> int:
    """Serve until asked to end; then let running answers end, unless asked again or they take too long."""
    signals, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)  # written whichever thread the signal hits: a handler alone would not wake us
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    bot = Bot(environment)
    try:
        server = listen(bot)
    except OSError as error:
        log("ERROR", "cannot_listen", port=environment.port, why=error.strerror)
        return 69
    log("INFO", "listening", bot=bot_id, port=environment.port)
    listening = server.fileno()
    while signals not in select.select([listening, signals], [], [])[0]:  # idle, it never wakes up
        server.handle_request()
    os.read(signals, 1)
    bot.draining = True
    log("INFO", "ending", running=bot.running)
    server.server_close()
    deadline = time.monotonic() + DRAIN_SECONDS
    while bot.running and time.monotonic() < deadline:
        if select.select([signals], [], [], 0.05)[0]:
            break
    log("INFO", "ended", cut_off=bot.running)
    return 0


def main(arguments: Sequence[str]) -> int:
    """`arguments` are for the manager, which finds its bots by their command lines."""
    if len(arguments) != 4 or (arguments[0], arguments[2]) != ("--bot-id", "--instance"):
        log("ERROR", "cannot_start", why="call it with --bot-id UUID --instance LABEL")
        return 64
    bot_id = arguments[1]
    try:
        environment = read_environment(os.environ)
        lock = take_lock(environment.state_dir)
    except (ConfigError, OSError) as error:
        log("ERROR", "cannot_start", why=str(error))
        return 78
    if lock is None:
        log("ERROR", "runs_already", bot=bot_id)
        return 75
    return serve(environment, bot_id)
