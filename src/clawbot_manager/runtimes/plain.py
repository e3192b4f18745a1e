"""What runtimes without containers have in common: nothing to fetch, nothing to mend, no inside."""

import builtins
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

from clawbot_manager.runtimes.base import ImageProgress, InstanceFailedError, Leftover, Places, Ran


class PlainRuntime:
    """The answers of a runtime whose bots are no containers; a driver overrides what it can do."""

    def places(self, workspace: Path, state_dir: Path, port: int) -> Places:
        """A bot sees the node as it is."""
        return Places(str(workspace), str(state_dir), "127.0.0.1", port)

    async def mend(self, bot_id: UUID) -> bool:  # noqa: ARG002
        """Only a new instance is right."""
        return False

    async def run(self, bot_id: UUID, command: Sequence[str], *, seconds: float) -> Ran:  # noqa: ARG002
        """Refused: what would run there would run here."""
        raise InstanceFailedError("this runtime has no inside: a command would run on the node itself")

    async def has_image(self, image: str) -> bool:  # noqa: ARG002
        """No image is needed."""
        return True

    async def fetch_image(self, image: str) -> AsyncIterator[ImageProgress]:  # noqa: ARG002
        """Nothing to fetch."""
        nothing: tuple[ImageProgress, ...] = ()
        for progress in nothing:
            yield progress

    async def leftovers(self) -> builtins.list[Leftover]:
        """There are none."""
        return []

    async def remove_leftover(self, leftover: Leftover) -> None:
        """There are none."""

    async def proxy_host(self) -> str | None:
        """Bots reach the proxy as everybody on the node does."""
        return None
