"""The proxy in front of a provider of recorded shape, for what the documents say."""

from __future__ import annotations

from tests.proxy.conftest import world
from tests.sdks.conftest import one_list_of_authorities, upstream

__all__ = ["one_list_of_authorities", "upstream", "world"]
