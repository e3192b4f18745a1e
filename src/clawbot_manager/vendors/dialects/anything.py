"""The reader of last resort: answers to what no dialect knows may tell what they cost all the same."""

from typing import Any

import msgspec

from clawbot_manager.vendors.dialects.base import Basis, Collector, Fields
from clawbot_manager.vendors.dialects.billed_units import read_billed_units
from clawbot_manager.vendors.dialects.google import read_usage_metadata
from clawbot_manager.vendors.dialects.openai_usage import read_usage
from clawbot_manager.vendors.usage import NOTHING, Usage


class _Fields(Fields):
    usageMetadata: Any = None  # noqa: N815 - the field's name on the wire
    meta: Any = None


class _Event(_Fields):
    response: Any = None
    delta: Any = None


class AnythingCollector(Collector):
    """A `usage` of any shape, at the top or one step below. Nothing is estimated: it may cost nothing."""

    marks = (b'"usage', b'"billed_units"')
    event = msgspec.json.Decoder(_Event)
    whole = msgspec.json.Decoder(_Event)
    tables = ("usage", "usageMetadata", "meta")
    basis: Basis = "nothing"

    def take(self, content: Any) -> None:
        """An event, or a whole answer."""
        if type(content.model) is str:
            self.model = content.model
        for holder in (content, _below(content.response), _below(content.delta)):
            usage = _counts(holder)
            if usage.source == "provider":
                self.usage = usage


def _counts(holder: Any) -> Usage:
    if type(holder.usageMetadata) is dict:
        return read_usage_metadata(holder.usageMetadata)
    for table in (holder.usage, holder.meta):
        if type(table) is dict:
            return read_billed_units(table) if "billed_units" in table else read_usage(table)
    return NOTHING


def _below(value: Any) -> _Fields:
    return msgspec.convert(value, _Fields) if type(value) is dict else _NONE


_NONE = _Fields()
