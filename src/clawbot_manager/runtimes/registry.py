"""Choosing a runtime by its name, among ours and those that other packages bring.

A package offers one under the entry point group `clawbot_manager.runtimes`: a callable that takes
`RuntimeOptions` and returns a `Runtime`.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from clawbot_manager.runtimes.base import InstanceFailedError, Runtime, RuntimeUnavailableError
from clawbot_manager.runtimes.docker import DockerRuntime
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
    belongs to this installation. `docker_url` None means the engine's usual socket.
    """

    root: Path
    instance_label: str
    docker_url: str | None = None
    docker_network: str = "clawbot-manager"
    python: str = sys.executable


Factory = Callable[[RuntimeOptions], Runtime]


def _docker(options: RuntimeOptions) -> Runtime:
    return DockerRuntime(options.instance_label, url=options.docker_url, network=options.docker_network)


def _process(options: RuntimeOptions) -> Runtime:
    return ProcessRuntime(options.root, options.instance_label, options.python)


def _fake(_options: RuntimeOptions) -> Runtime:
    return FakeRuntime()


BUILT_IN: Mapping[str, Factory] = {"docker": _docker, "process": _process, "fake": _fake}


async def build_runtime(kind: str, options: RuntimeOptions) -> Runtime:
    """The runtime of this name; `auto` is docker when its engine answers, else process.

    Nothing but `auto` touches the runtime: whether it can be used is `probe`'s to tell.
    Raises `UnknownRuntimeError`.
    """
    if kind == AUTO:
        return await _choose(options)
    if kind in BUILT_IN:
        return BUILT_IN[kind](options)
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if kind not in offered:
        names = ", ".join(sorted({AUTO, *BUILT_IN, *offered}))
        raise UnknownRuntimeError(f"there is no runtime {kind!r}; installed: {names}")
    factory: Factory = offered[kind].load()
    return factory(options)


async def _choose(options: RuntimeOptions) -> Runtime:
    docker = _docker(options)
    with contextlib.suppress(RuntimeUnavailableError, InstanceFailedError):
        await docker.probe()
        return docker
    await docker.close()
    return _process(options)
