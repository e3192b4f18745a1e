"""Images on their way: one pull an image, however many bots wait for it, and none holds a place meanwhile."""

from dataclasses import dataclass
from time import monotonic

import structlog

from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.runtimes.base import InstanceFailedError, Runtime, RuntimeUnavailableError

_log = structlog.get_logger(__name__)

_TELL_FAILURE_SECONDS = 5.0  # to all that wait; who asks later begins another pull


@dataclass(slots=True)
class _Pull:
    progress: str = ""
    failure: InstanceFailedError | RuntimeUnavailableError | None = None
    ended: float | None = None


class ImagePulls:
    """Those of one runtime; they go on in the background until closed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pulls: dict[str, _Pull] = {}
        self._tasks = TaskOwner(_report_failure)

    async def progress(self, image: str) -> str | None:
        """None when the image is there; else how far its pull is, which this begins.

        Raises:
            InstanceFailedError: it cannot be fetched.
            RuntimeUnavailableError.
        """
        pull = self._pulls.get(image)
        if pull is not None and pull.failure is not None and not _is_old(pull):
            raise pull.failure
        if pull is None or pull.ended is not None:
            if await self._runtime.has_image(image):
                self._pulls.pop(image, None)
                return None
            pull = self._begin(image)
        return f"Fetching the image {image}. {pull.progress}".strip()

    async def close(self) -> None:
        """Give up those under way; what the engine has of them it keeps."""
        await self._tasks.close()

    def _begin(self, image: str) -> _Pull:
        pull = self._pulls.get(image)
        if pull is None or pull.ended is not None:
            pull = self._pulls[image] = _Pull()
            self._tasks.start(self._fetch(image, pull), name=f"pull {image}")
        return pull

    async def _fetch(self, image: str, pull: _Pull) -> None:
        _log.info("image.pull", image=image)
        try:
            async for told in self._runtime.fetch_image(image):
                share = f" {100 * told.done_bytes // told.total_bytes} %" if told.total_bytes else ""
                pull.progress = f"{told.text}{share}"
        except (InstanceFailedError, RuntimeUnavailableError) as error:
            pull.failure = error
            _log.warning("image.not_pulled", image=image, error=str(error))
        finally:
            pull.ended = monotonic()


def _is_old(pull: _Pull) -> bool:
    return pull.ended is not None and monotonic() - pull.ended > _TELL_FAILURE_SECONDS


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("image.task_failed", task=name, exc_info=error)
