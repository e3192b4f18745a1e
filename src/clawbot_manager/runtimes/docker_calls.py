"""How calls to the engine fail, in our words."""

import contextlib
from collections.abc import Iterator, Mapping

import aiohttp
from aiodocker.exceptions import DockerError

from clawbot_manager.runtimes.base import (
    InstanceFailedError,
    InstanceNotFoundError,
    RuntimeUnavailableError,
)

NOT_CONNECTED = 900  # aiodocker's own number for "no engine there"


@contextlib.contextmanager
def unless(*statuses: int) -> Iterator[None]:
    """Pass over these answers of the engine."""
    try:
        yield
    except DockerError as error:
        if error.status not in statuses:
            raise


@contextlib.contextmanager
def engine_errors(secrets: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn what the client raises into our errors; the values of `secrets` never get into a message."""
    try:
        yield
    except DockerError as error:
        message = str(error.message).strip()
        for value in (secrets or {}).values():
            message = message.replace(value, "***") if len(value) >= 8 else message
        if error.status == NOT_CONNECTED:
            raise RuntimeUnavailableError("the Docker engine cannot be reached") from None
        if error.status == 404:
            raise InstanceNotFoundError(message) from None
        raise InstanceFailedError(f"the Docker engine refused: {message}") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RuntimeUnavailableError(f"the Docker engine does not answer ({type(error).__name__})") from None
    except OSError as error:
        raise RuntimeUnavailableError(f"the Docker engine cannot be reached: {error.strerror}") from None
