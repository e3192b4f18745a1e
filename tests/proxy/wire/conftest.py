"""Both loops: the one that production runs on, and the one it falls back to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvloop

from tests.services import nginx


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="module")
def passing_nginx() -> Iterator[nginx.Passing]:
    """nginx in the proxy's place."""
    # pytest's own folders have paths too long for sockets
    with TemporaryDirectory(prefix="nginx-") as folder, nginx.passing(Path(folder), "/v1/openai/") as there:
        yield there
