"""What the full program hands to a proxy that runs alone, and how.

The full program checks settings, secrets and schema, then becomes a lean process in its place: same process
id, so whoever started it can signal it. Secrets go through a pipe, which is read once and closed: never by an
argument, the environment or a file. Listening sockets are inherited.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn

import msgspec

from clawbot_manager.control.dataplane.plane import DataPlaneConfig
from clawbot_manager.proxy.messages import ProxyConfig

MODULE = "clawbot_manager.app.proxy_role"


class PlanTooLargeError(Exception):
    """It does not fit into a pipe."""


class ProxyPlan(msgspec.Struct, frozen=True):
    """All that a proxy needs to know. It holds secrets: `repr` says nothing."""

    data_plane: DataPlaneConfig
    proxy: ProxyConfig
    egress_allow: list[str]
    egress_allow_http: bool
    master_keys: dict[str, bytes]
    token_secret: str
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["auto", "console", "json"]
    data_dir: str
    keeps_memory_private: bool

    def __repr__(self) -> str:
        return "ProxyPlan(…)"


def read_plan(text: bytes) -> ProxyPlan:
    """The plan from what came through the pipe."""
    return msgspec.json.decode(text, type=ProxyPlan)


def become_proxy(
    plan: ProxyPlan, listeners: Sequence[socket.socket], environment: Mapping[str, str]
) -> NoReturn:
    """Replace this process by a proxy, one worker for each listener.

    Raises:
        PlanTooLargeError: the plan is larger than what a pipe holds.
        OSError: the interpreter cannot be started.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = msgspec.json.encode(plan)
    try:
        written = os.write(writing, text)
    except BlockingIOError:
        written = 0
    if written < len(text):
        raise PlanTooLargeError
    os.close(writing)
    inherited = [reading, *(listener.fileno() for listener in listeners)]
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    sys.stderr.flush()
    # no columns in tracebacks, and one arena for all threads: some hundred KiB each
    command = [sys.executable, "-P", "-X", "no_debug_ranges", "-m", MODULE, *map(str, inherited)]
    environment = {"MALLOC_ARENA_MAX": "1", **environment}
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
