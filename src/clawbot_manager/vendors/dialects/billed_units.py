"""Cohere's counts, which some of OpenAI's imitators use for rankings too."""

from typing import Any

from clawbot_manager.vendors.dialects.base import Names, count, note, number
from clawbot_manager.vendors.usage import Details, Usage

_NAMES: Names = {
    "search_units": "search_units",
    "classifications": "classifications",
    "images": "images",
    "image_tokens": "image_input_tokens",
    "text_tokens": "text_input_tokens",
    "pages": "pages",
}


def read_billed_units(table: dict[str, Any]) -> Usage:
    """`billed_units` are what is paid for, `tokens` what was really used: it stands in the details if it
    differs.

    An embedding of pictures is billed by `image_tokens` and has no `input_tokens`.
    """
    billed = table.get("billed_units")
    billed = billed if type(billed) is dict else {}
    used_input, used_output = count(table, "tokens", "input_tokens"), count(table, "tokens", "output_tokens")
    given, output = number(billed.get("input_tokens")), number(billed.get("output_tokens"))
    details: Details = {}
    note(details, billed, _NAMES)
    if given is None:
        given = number(billed.get("image_tokens")) if used_input is None else used_input
    elif used_input not in (None, given):
        details["real_input_tokens"] = used_input or 0
    if output is None:
        output = used_output
    elif used_output not in (None, output):
        details["real_output_tokens"] = used_output or 0
    told = given is not None or output is not None or bool(details)
    return Usage(
        given,
        output,
        number(table.get("cached_tokens")),
        source="provider" if told else "none",
        details=details or None,
    )
