"""Writes docs/vendors.md from the catalogue: `.venv/bin/python scripts/vendors_page.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "vendors.md"

APIS = {
    "openai-chat": "chat completions",
    "openai-responses": "Responses",
    "anthropic-messages": "Anthropic messages",
    "google-generatecontent": "generateContent",
    "cohere-v2": "Cohere v2",
    "ollama": "Ollama",
    "dashscope-native": "DashScope",
}
REGIONS = {
    "global": "",
    "us": "USA",
    "eu": "Europe",
    "cn": "China",
    "intl": "international",
    "local": "local",
    "user": "yours",
}

HEAD = """\
# The vendors

The 25 vendors that the proxy speaks to. This page is written by `scripts/vendors_page.py` from the catalogue
(`src/clawbot_manager/vendors/catalog.toml`, facts as of {as_of}); a test fails when it is out of date.

**?** marks what no SDK's source and no document of the vendor's confirms. None of it was tried with a real
key: the tests run against servers that behave as the vendors' documents and SDKs say.

## What each serves

`/api/v1/{{id}}/…` is its address at the proxy, see [the proxy](proxy.md). *Stream's usage* is how the tokens
of a streamed answer are known: `asked` = the proxy asks for them, `always` = the vendor tells them anyway,
`events` = its own API tells them in its events, `unknown` = they are taken when they come. Responses and
Anthropic messages always tell them.

| Id | Vendor | APIs | Stream's usage | Key goes to |
| --- | --- | --- | --- | --- |
"""

PLACES = """
## Regions and plans

A key works in one region and one plan. Store it with the base URL in this table; without one, the vendor's
first row counts. A request then stays there, whichever of the APIs is called: the address of each API of the
same place is found by itself, and a plan is never left for one that is billed otherwise.

| Id | Place | Base URL of the key | APIs known there |
| --- | --- | --- | --- |
"""

TAIL = """
Azure's and custom base URLs are yours. A base URL that is not in the table is taken as it is (a gateway of
your own); a bare host gets the vendor's paths.
"""


def render() -> str:
    """The page."""
    text = files("clawbot_manager.vendors").joinpath("catalog.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    vendors = {one: data["vendors"][one] for one in data["vendor_ids"]}
    served = "".join(f"| {' | '.join(_served(one, facts))} |\n" for one, facts in vendors.items())
    places = "".join(
        f"| {' | '.join(row)} |\n" for one, facts in vendors.items() for row in _places(one, facts)
    )
    return HEAD.format(as_of=data["as_of"]) + served + PLACES + places + TAIL


def _served(vendor_id: str, facts: Any) -> list[str]:
    name = facts["name"] if facts["verified"] else f"{facts['name']} **?**"
    auth = facts["auth"]
    key = f"`{auth['header']}: {auth['prefix']}…`"
    return [f"`{vendor_id}`", name, _apis(facts["endpoints"]), _usage(facts), key]


def _usage(facts: Any) -> str:
    if facts["status"] == "user-defined":
        return "asked"
    streaming = facts["streaming"]
    told = {"opt-in": "asked", "always": "always", "dialect": "events"}.get(streaming["usage"], "unknown")
    return told if streaming["verified"] or told == "unknown" else f"{told} **?**"


def _apis(endpoints: list[Any]) -> str:
    sure: dict[str, bool] = {}
    for one in endpoints:
        sure[one["dialect"]] = sure.get(one["dialect"], False) or one["verified"]
    return ", ".join(APIS[dialect] + ("" if known else " **?**") for dialect, known in sure.items())


def _places(vendor_id: str, facts: Any) -> Iterator[list[str]]:
    places: dict[tuple[str, str], list[Any]] = {}
    for one in facts["endpoints"]:
        places.setdefault((one["region"], one.get("plan", "")), []).append(one)
    for (region, plan), endpoints in places.items():
        place = ", ".join(part for part in (REGIONS[region], plan) if part) or "everywhere"
        first = endpoints[0]
        addresses = [first["base_url"], *first.get("alias_base_urls", ())]
        urls = " or ".join(f"`{one}`" for one in addresses)
        yield [f"`{vendor_id}`", place, urls, _apis(endpoints)]
    for region, base_url in facts.get("regional_base_urls", {}).items():
        yield [f"`{vendor_id}`", f"data residency `{region}`", f"`{base_url}`", _apis(facts["endpoints"])]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
