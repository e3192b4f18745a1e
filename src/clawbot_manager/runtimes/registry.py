"""Choosing a runtime by its name, among ours and those that other packages bring.

A package offers one under the entry point group `clawbot_manager.runtimes`: a callable that takes
`RuntimeOptions` and returns a `Runtime`.
"""

import http.client
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from clawbot_manager.runtimes.base import Runtime
from clawbot_manager.runtimes.docker import DockerRuntime, engine_url
from clawbot_manager.runtimes.fake import FakeRuntime
from clawbot_manager.runtimes.process import ProcessRuntime

ENTRY_POINTS = "clawbot_manager.runtimes"
AUTO = "auto"


class UnknownRuntimeError(Exception):
    """No runtime of this name is installed; the message lists those that are."""


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """What a runtime may need; each takes what concerns it.

    `root` is a directory of this node for the runtime's own files. `instance_label` marks everything that
    belongs to this installation. `docker_url` None means the engine's usual socket. `images` are those that
    bots are made from: with none of them on the engine, `auto` does not choose containers. `proxy_ports` are
    the only ones of this host that bots may reach.
    """

    root: Path
    instance_label: str
    docker_url: str | None = None
    docker_network: str | None = None
    images: tuple[str, ...] = ()
    proxy_ports: tuple[int, ...] = ()
    firewall: bool = True
    python: str = sys.executable


Factory = Callable[[RuntimeOptions], Runtime]


def _docker(options: RuntimeOptions) -> Runtime:
    return DockerRuntime(
        options.instance_label,
        url=options.docker_url,
        network=options.docker_network,
        images=options.images,
        proxy_ports=options.proxy_ports,
        firewall=options.firewall,
    )


def _process(options: RuntimeOptions) -> Runtime:
    return ProcessRuntime(options.root, options.instance_label, options.python)


def _fake(_options: RuntimeOptions) -> Runtime:
    return FakeRuntime()


BUILT_IN: Mapping[str, Factory] = {"docker": _docker, "process": _process, "fake": _fake}


def build_runtime(kind: str, options: RuntimeOptions) -> Runtime:
    """The runtime of this name; `auto` is docker when its engine can run bots now, else process.

    Nothing but `auto` touches the runtime: whether it can be used is `probe`'s to tell.
    Raises `UnknownRuntimeError`.
    """
    if kind == AUTO:
        has_one = any(_engine_has_image(options, image) for image in options.images)
        kind = "docker" if has_one else "process"
    if kind in BUILT_IN:
        return BUILT_IN[kind](options)
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if kind not in offered:
        names = ", ".join(sorted({AUTO, *BUILT_IN, *offered}))
        raise UnknownRuntimeError(f"there is no runtime {kind!r}; installed: {names}")
    factory: Factory = offered[kind].load()
    return factory(options)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, for one question before there is an event loop."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=2)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _engine_has_image(options: RuntimeOptions, image: str) -> bool:
    url = engine_url(options.docker_url)
    if not url.startswith("unix://"):
        return False
    connection = _UnixConnection(url.removeprefix("unix://"))
    try:
        connection.request("GET", f"/images/{image}/json")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
