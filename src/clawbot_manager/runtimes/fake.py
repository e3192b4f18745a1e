"""A runtime in memory that fails when told to: for the reconciler's tests and for trying the console."""

import asyncio
import builtins
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from clawbot_manager.runtimes.base import (
    ImageProgress,
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceSpec,
    InstanceState,
    InstanceStats,
    Isolation,
    RuntimeUnavailableError,
)
from clawbot_manager.runtimes.plain import PlainRuntime


class Fault(StrEnum):
    """How a verb fails."""

    SLOW = "slow"
    """waits for `FakeWorld.go_on`, then succeeds"""
    NEVER = "never"
    """does not return until it is cancelled"""
    BAD = "bad"
    """`InstanceFailedError`, nothing was done"""
    UNAVAILABLE = "unavailable"
    """`RuntimeUnavailableError`, nothing was done"""
    HALF_DONE = "half-done"
    """does its work, then `RuntimeUnavailableError`: the caller cannot know"""


@dataclass
class FakeWorld:
    """What outlives a manager: give it to a second `FakeRuntime` to play a restarted one.

    `calls` lists every verb that was called, with its bot, in order. `ignore_sigterm` names the bots that
    end only when killed; `killed` those that were. `first_line` is what a bot logs when it starts.
    `missing` are images that must be fetched first, `unmendable` the drift that `mend` does not take away.
    """

    instances: dict[UUID, Instance] = field(default_factory=dict)
    lines: dict[UUID, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, UUID | None]] = field(default_factory=list)
    faults: dict[str, builtins.list[Fault]] = field(default_factory=dict)
    ignore_sigterm: set[UUID] = field(default_factory=set)
    killed: builtins.list[UUID] = field(default_factory=list)
    ports: dict[UUID, int] = field(default_factory=dict)
    images: dict[UUID, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unmendable: set[str] = field(default_factory=set)
    news: builtins.list[UUID] = field(default_factory=list)
    first_line: str = "started"
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def fail(self, verb: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next calls of a verb fail; other verbs stay well."""
        self.faults.setdefault(verb, []).extend([fault] * times)

    def heal(self) -> None:
        """No verb fails any more."""
        self.faults.clear()

    async def kill(self, bot_id: UUID, *, exit_code: int = 137) -> None:
        """The bot ends by itself, or by somebody else's hand."""
        seen = self.instances[bot_id]
        self.instances[bot_id] = replace(
            seen, state=InstanceState.STOPPED, endpoint=None, exit_code=exit_code
        )
        self.news.append(bot_id)
        await self.tell()

    async def pause(self, bot_id: UUID) -> None:
        """Other hands pause the bot."""
        self.instances[bot_id] = replace(self.instances[bot_id], state=InstanceState.PAUSED, endpoint=None)
        self.news.append(bot_id)
        await self.tell()

    async def change(self, bot_id: UUID, *drift: str) -> None:
        """Other hands change these of the bot's instance."""
        self.instances[bot_id] = replace(self.instances[bot_id], drift=drift)
        self.news.append(bot_id)
        await self.tell()

    async def write(self, bot_id: UUID, line: str) -> None:
        """The bot logs a line."""
        self.lines.setdefault(bot_id, []).append(line)
        await self.tell()

    async def tell(self) -> None:
        """Wake those who wait for news."""
        async with self.changed:
            self.changed.notify_all()


class FakeRuntime(PlainRuntime):
    """Bots that are entries of a `FakeWorld`."""

    name = "fake"
    isolation = Isolation(isolated=False, warning="These bots are not real: nothing runs.")

    def __init__(self, world: FakeWorld | None = None) -> None:
        self.world = world or FakeWorld()

    async def _enter(self, verb: str, bot_id: UUID | None = None) -> bool:
        """Count the call and play its fault; whether to fail after the work is done."""
        world = self.world
        world.calls.append((verb, bot_id))
        await asyncio.sleep(0)  # a real runtime lets others run
        pending = world.faults.get(verb)
        fault = pending.pop(0) if pending else None
        if fault is Fault.SLOW:
            await world.go_on.wait()
        if fault is Fault.NEVER:
            await asyncio.Event().wait()
        if fault is Fault.BAD:
            raise InstanceFailedError(f"{verb} was told to fail")
        if fault is Fault.UNAVAILABLE:
            raise RuntimeUnavailableError(f"{verb} was told that there is no runtime")
        return fault is Fault.HALF_DONE

    @staticmethod
    def _leave(half_done: bool) -> None:
        if half_done:
            raise RuntimeUnavailableError("the connection broke before the answer came")

    async def probe(self) -> None:
        """Return unless told to fail."""
        self._leave(await self._enter("probe"))

    async def list(self) -> builtins.list[Instance]:
        """All entries."""
        self._leave(await self._enter("list"))
        return list(self.world.instances.values())

    async def inspect(self, bot_id: UUID) -> Instance | None:
        """The entry, or None."""
        self._leave(await self._enter("inspect", bot_id))
        return self.world.instances.get(bot_id)

    async def create(self, spec: InstanceSpec) -> Instance:
        """Make the entry anew."""
        half_done = await self._enter("create", spec.bot_id)
        instance = Instance(
            instance_id=f"fake-{spec.bot_id}-{spec.revision}",
            bot_id=spec.bot_id,
            hostname=spec.hostname,
            owner_id=spec.owner_id,
            revision=spec.revision,
            state=InstanceState.CREATED,
            endpoint=None,
        )
        self.world.instances[spec.bot_id] = instance
        self.world.ports[spec.bot_id] = spec.port
        self.world.images[spec.bot_id] = spec.image
        self.world.lines[spec.bot_id] = []
        await self.world.tell()
        self._leave(half_done)
        return instance

    async def start(self, bot_id: UUID) -> Instance:
        """The entry runs."""
        half_done = await self._enter("start", bot_id)
        seen = self.world.instances.get(bot_id)
        if seen is None:
            raise InstanceNotFoundError(f"there is no instance of bot {bot_id}")
        if seen.state is not InstanceState.RUNNING:
            endpoint = f"http://127.0.0.1:{self.world.ports[bot_id]}"
            now = datetime.now(UTC)
            seen = replace(
                seen, state=InstanceState.RUNNING, endpoint=endpoint, started_at=now, exit_code=None
            )
            self.world.instances[bot_id] = seen
            await self.world.write(bot_id, self.world.first_line)
        self._leave(half_done)
        return seen

    async def stop(self, bot_id: UUID, *, grace_seconds: float) -> None:  # noqa: ARG002 - time is not played
        """The entry is stopped."""
        half_done = await self._enter("stop", bot_id)
        seen = self.world.instances.get(bot_id)
        if seen is not None and seen.state in {InstanceState.RUNNING, InstanceState.PAUSED}:
            stubborn = bot_id in self.world.ignore_sigterm
            if stubborn:
                self.world.killed.append(bot_id)
            await self.world.kill(bot_id, exit_code=137 if stubborn else 0)
        self._leave(half_done)

    async def remove(self, bot_id: UUID) -> None:
        """The entry is gone."""
        half_done = await self._enter("remove", bot_id)
        self.world.instances.pop(bot_id, None)
        self.world.lines.pop(bot_id, None)
        await self.world.tell()
        self._leave(half_done)

    async def mend(self, bot_id: UUID) -> bool:
        """Take the drift away, unless it is one of `FakeWorld.unmendable`."""
        half_done = await self._enter("mend", bot_id)
        seen = self.world.instances.get(bot_id)
        if seen is not None and not self.world.unmendable & set(seen.drift):
            self.world.instances[bot_id] = seen = replace(seen, drift=())
        self._leave(half_done)
        return seen is None or not seen.drift

    async def has_image(self, image: str) -> bool:
        """All but those of `FakeWorld.missing`."""
        self._leave(await self._enter("has_image"))
        return image not in self.world.missing

    async def fetch_image(self, image: str) -> AsyncIterator[ImageProgress]:
        """In two steps."""
        self._leave(await self._enter("fetch_image"))
        for done in (50, 100):
            yield ImageProgress(f"{done} of 100 bytes", done, 100)
        self.world.missing.discard(image)

    async def changes(self) -> AsyncGenerator[UUID | None]:
        """What `FakeWorld.kill`, `pause` and `change` did."""
        yield None
        while True:
            while self.world.news:
                yield self.world.news.pop(0)
            async with self.world.changed:
                await self.world.changed.wait()

    async def logs(self, bot_id: UUID, *, tail: int) -> builtins.list[str]:
        """What `FakeWorld.write` wrote."""
        self._leave(await self._enter("logs", bot_id))
        lines = self.world.lines.get(bot_id, [])
        return lines[-tail:] if tail > 0 else []

    async def follow_logs(self, bot_id: UUID, *, tail: int) -> AsyncGenerator[str]:
        """The last lines, then each new one until the entry is gone."""
        lines = self.world.lines.get(bot_id, [])
        at = max(0, len(lines) - max(tail, 0))
        while bot_id in self.world.instances:
            lines = self.world.lines.get(bot_id, [])
            if at < len(lines):
                at += 1
                yield lines[at - 1]
                continue
            async with self.world.changed:
                await self.world.changed.wait()

    async def stats(self, bot_id: UUID) -> InstanceStats | None:
        """The same numbers for each that runs."""
        self._leave(await self._enter("stats", bot_id))
        seen = self.world.instances.get(bot_id)
        if seen is None or seen.state is not InstanceState.RUNNING:
            return None
        return InstanceStats(cpu_percent=1.5, memory_bytes=64 * 1024 * 1024, processes=1)

    async def close(self) -> None:
        """Nothing to give back."""
