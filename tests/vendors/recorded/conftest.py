"""The proxy in front of a provider that refuses what the real one refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.upstream import RecordedUpstream
from tests.proxy.conftest import SECRET, http, world

__all__ = ["http", "world"]


@pytest.fixture
async def upstream() -> AsyncIterator[RecordedUpstream]:
    """The provider of the `world`; `vendor` says whose part it plays."""
    mock = RecordedUpstream(keys={SECRET, f"{SECRET}-second"})
    async with mock.serving():
        yield mock
