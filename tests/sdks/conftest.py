"""The proxy in front of a provider of recorded shape, for the vendors' own SDKs."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache

import pytest

from tests.fakes.upstream import RecordedUpstream
from tests.proxy.conftest import SECRET, world

__all__ = ["world"]


_one_context = cache(ssl.create_default_context)


@pytest.fixture(scope="module", autouse=True)
def one_list_of_authorities() -> Iterator[None]:
    """Each SDK reads the list of certificate authorities for each client: a tenth of a second, for addresses
    without TLS.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", _one_context)
        yield


@pytest.fixture
async def upstream() -> AsyncIterator[RecordedUpstream]:
    """The provider of the `world`; `vendor` says whose part it plays."""
    mock = RecordedUpstream(keys={SECRET})
    async with mock.serving():
        yield mock
