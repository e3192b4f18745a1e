"""Looks after several workers of the proxy: starts them, passes signals on, and replaces those that die."""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from clawbot_manager.infra.hardening import keep_memory_private
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.infra.telemetry.plain import configure_plain_logs

_log = get_logger("clawbot_manager.app.proxy_role")

_LEAST_LIFE = 2.0  # a worker that dies sooner is not started again at once


class _Supervisor:
    def __init__(self, plan: bytes, listening: Sequence[int]) -> None:
        self._plan = plan
        self._listening = listening
        self._workers: dict[int, tuple[int, float]] = {}  # process id: socket, time of start
        self._stopping = False
        # workers notice by it that this process is gone, however it ended
        self._lifeline, self._held = os.pipe()

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for listener in self._listening:
            self._start(listener)
        worst = 0
        while self._workers:
            pid, status = os.waitpid(-1, 0)
            listener, started = self._workers.pop(pid, (-1, 0.0))
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                worst = max(worst, abs(code))
            elif listener >= 0:
                _log.error("proxy.worker_died", worker=pid, exit_code=code)
                if time.monotonic() - started < _LEAST_LIFE:
                    time.sleep(_LEAST_LIFE)
                self._start(listener)
        return worst

    def _start(self, listener: int) -> None:
        # a signal between fork and the entry in the table would miss the worker
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            if self._stopping:
                return
            pid = os.fork()
            if pid == 0:
                self._work(listener)
            self._workers[pid] = (listener, time.monotonic())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))

    def _work(self, listener: int) -> NoReturn:
        """In the worker's process: serve, and end without coming back."""
        code = 1
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
            os.close(self._held)
            for other in self._listening:
                if other != listener:
                    os.close(other)
            from clawbot_manager.app.proxy_worker import serve  # noqa: PLC0415

            code = serve(self._plan, listener, self._lifeline)
        except BaseException:  # noqa: BLE001 - it must not come back into the supervisor's loop
            _log.exception("proxy.worker_failed")
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def supervise(plan: bytes, listening: Sequence[int]) -> int:
    """Run one worker for each socket until a signal asks to stop; the exit code.

    The sockets stay open here, so what waits in the queue of a worker that died is for its successor.
    """
    given = json.loads(plan)
    if given["keeps_memory_private"]:
        keep_memory_private()
    configure_plain_logs(given["log_level"], given["log_format"], given["data_plane"]["redact"])
    return _Supervisor(plan, listening).run()
