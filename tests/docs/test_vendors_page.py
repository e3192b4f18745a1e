"""docs/vendors.md is what the catalogue says."""

from __future__ import annotations

import runpy
from pathlib import Path

from clawbot_manager.vendors.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_up_to_date() -> None:
    """Run `.venv/bin/python scripts/vendors_page.py` when it is not."""
    render = runpy.run_path(str(ROOT / "scripts" / "vendors_page.py"))["render"]
    assert (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8") == render()


def test_every_place_of_every_vendor_is_on_it() -> None:
    page = (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8")
    places_of = page.split("## Regions")[1].splitlines()
    for vendor in load_catalog().vendors.values():
        assert f"| `{vendor.id}` | {vendor.name}" in page
        places = {(one.region, one.plan) for one in vendor.endpoints}
        rows = [line for line in places_of if line.startswith(f"| `{vendor.id}` |")]
        assert len(rows) == len(places) + len(vendor.regional_base_urls)
