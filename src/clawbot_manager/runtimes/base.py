"""The contract between the reconciler and the places where bots run.

A driver has few verbs, each idempotent, and keeps no state of its own that cannot be found again after
`kill -9`: everything the manager needs to recognise an instance is on the instance itself (labels).
The reconciler is the only caller; it serialises the calls for one bot, never those for different bots.
"""

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from uuid import UUID


class RuntimeUnavailableError(Exception):
    """The place where bots run cannot be reached; nothing is known about the bots (never: "stopped")."""


class InstanceNotFoundError(Exception):
    """There is no instance with this id any more."""


class InstanceFailedError(Exception):
    """The runtime answered, and could not do what was asked; the message says why, for the user to read."""


class InstanceState(StrEnum):
    """What the runtime sees, not what we want."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one bot may use; None means the runtime cannot or need not limit it."""

    memory_mb: int = 1536
    cpus: float = 1.0
    processes: int = 256


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """Everything a driver needs to create a bot's instance.

    `environment` holds the bot's own two tokens and no other secret; drivers must not log it.
    `workspace` is a directory on this node that the manager writes (`config.json`, `soul.md`,
    `features.json`); the bot may read it. `state_dir` is the bot's own to write.
    `port` is where the bot's gateway must listen on loopback when the runtime has no network of its own.
    """

    bot_id: UUID
    hostname: str
    owner_id: UUID
    revision: int
    image: str
    workspace: Path
    state_dir: Path
    port: int
    environment: Mapping[str, str] = field(repr=False)
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Instance:
    """One bot's instance as the runtime sees it now.

    `instance_id` is the runtime's own handle. `revision` is the one of the spec it was created from.
    `endpoint` is the base URL under which this manager reaches the bot's gateway, None unless running.
    `drift` names what is no longer as it was created ("name", "memory", "network"), changed by other hands.
    """

    instance_id: str
    bot_id: UUID
    hostname: str
    owner_id: UUID
    revision: int
    state: InstanceState
    endpoint: str | None
    started_at: datetime | None = None
    exit_code: int | None = None
    detail: str | None = None
    drift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceStats:
    """A sample; None where the runtime cannot tell. CPU is in percent of one core since the last sample.

    The counts of the network are bytes since the instance started.
    """

    cpu_percent: float | None
    memory_bytes: int | None
    processes: int | None
    memory_limit_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ImageProgress:
    """How far the fetch of an image has come: a line to show, and bytes of what is known so far."""

    text: str
    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something with our mark that is no instance and that nothing needs: an old network, an unused image.

    `kind` and `id` are what `remove_leftover` takes; `size_bytes` None where the runtime cannot tell.
    """

    kind: str
    id: str
    detail: str
    created_at: datetime | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command inside an instance ended; `output` is cut to 64 KiB."""

    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Isolation:
    """How well this runtime keeps a bot from its host and its neighbours; shown loudly when it does not."""

    isolated: bool
    warning: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a bot finds its own directories, and where its gateway must listen, as the bot sees it."""

    workspace: str
    state: str
    host: str
    port: int


class Runtime(Protocol):
    """One place where bots run.

    Every method may raise `RuntimeUnavailableError`; nothing else may escape but the errors named.
    Every call is bounded in time by the driver.
    """

    name: str

    @property
    def isolation(self) -> Isolation:
        """What is known now of how well bots are kept apart; may change as the runtime is looked at."""
        ...

    def places(self, workspace: Path, state_dir: Path, port: int) -> Places:
        """What these directories and this port of the node are for a bot that runs here."""
        ...

    async def probe(self) -> None:
        """Return when the runtime can be used now. Called by health checks: cheap, at most a few seconds."""
        ...

    async def list(self) -> builtins.list[Instance]:
        """Every instance that carries our mark, whoever it belongs to and in whatever state.

        Called at start-up, periodically and for orphan search; an instance that was half created by a
        killed manager must appear here too.
        """
        ...

    async def inspect(self, bot_id: UUID) -> Instance | None:
        """The bot's instance, or None when there is none. Called often, in every state of the bot."""
        ...

    async def create(self, spec: InstanceSpec) -> Instance:
        """Create the bot's instance without starting it.

        When an instance of this bot exists already, whatever its revision, it is removed first: there is
        never more than one. Raises `InstanceFailedError`.
        """
        ...

    async def mend(self, bot_id: UUID) -> bool:
        """Put right in place what drifted; False when only a new instance can be right. A missing one is.

        Raises `InstanceFailedError`.
        """
        ...

    async def start(self, bot_id: UUID) -> Instance:
        """Start the instance; a running one stays as it is, a paused one goes on.

        Returns when the process runs, not when it is ready.
        Raises `InstanceNotFoundError`, `InstanceFailedError`.
        """
        ...

    async def stop(self, bot_id: UUID, *, grace_seconds: float) -> None:
        """Ask it to end, then kill it after the grace. A stopped or missing instance is fine."""
        ...

    async def remove(self, bot_id: UUID) -> None:
        """Remove the instance, killing it when it runs. A missing one is fine. The workspace stays."""
        ...

    async def logs(self, bot_id: UUID, *, tail: int) -> builtins.list[str]:
        """The last `tail` lines that the bot wrote, oldest first, without line ends; [] when none."""
        ...

    def follow_logs(self, bot_id: UUID, *, tail: int) -> AsyncGenerator[str]:
        """The last `tail` lines and then each new one until the caller stops or the instance is gone."""
        ...

    async def stats(self, bot_id: UUID) -> InstanceStats | None:
        """A sample of what the instance uses, None when it is not running."""
        ...

    async def run(self, bot_id: UUID, command: Sequence[str], *, seconds: float) -> Ran:
        """Run a command inside a running instance, for diagnosis; given up after that many `seconds`.

        Raises `InstanceNotFoundError`, `InstanceFailedError` (also: this runtime has no inside).
        """
        ...

    def changes(self) -> AsyncGenerator[UUID | None]:
        """The bots whose instances change, as it happens; None when anything may have changed.

        The first item is None, as soon as changes are being watched: what happened before it is unknown.
        Goes on until the caller stops, who closes it (`aclosing`). Raises `RuntimeUnavailableError` when the
        runtime goes away.
        """
        ...

    async def has_image(self, image: str) -> bool:
        """Whether instances can be created from this image without fetching it."""
        ...

    def fetch_image(self, image: str) -> AsyncIterator[ImageProgress]:
        """Fetch an image, telling how far it is; ends when it is there. Raises `InstanceFailedError`."""
        ...

    async def leftovers(self) -> builtins.list[Leftover]:
        """What has our mark and is needed by nothing, but for instances."""
        ...

    async def remove_leftover(self, leftover: Leftover) -> None:
        """Remove one; a missing one is fine. Raises `InstanceFailedError`: something needs it again."""
        ...

    async def proxy_host(self) -> str | None:
        """This host's address as its bots reach it, where their proxy must listen; None: loopback.

        Makes what must exist for it (a network). It may change while the runtime goes on, so ask again.
        """
        ...

    async def close(self) -> None:
        """Give back connections. Instances go on running."""
        ...
