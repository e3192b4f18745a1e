"""The catalogue is complete, consistent, and ships with the package."""

from __future__ import annotations

import re

import pytest

from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.dialects import DIALECTS
from clawbot_manager.vendors.records import Vendor

VENDORS = list(load_catalog().vendors.values())


def test_all_vendors() -> None:
    catalog = load_catalog()
    assert len(catalog.ids) == 25
    assert load_catalog() is catalog
    assert catalog.get("nobody") is None


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: one.id)
class TestEveryVendor:
    def test_endpoints(self, vendor: Vendor) -> None:
        assert vendor.endpoints
        for endpoint in vendor.endpoints:
            assert endpoint.dialect in DIALECTS
            assert not endpoint.base_url.endswith("/")
            assert endpoint.path.startswith("/")
            assert "{" in endpoint.base_url or endpoint.base_url.startswith(("https://", "http://localhost"))

    def test_patterns_compile(self, vendor: Vendor) -> None:
        re.compile(vendor.key_pattern or "")
        re.compile(vendor.errors.code_in_message or "")

    def test_key_required(self, vendor: Vendor) -> None:
        assert vendor.key_required is (vendor.id not in ("ollama", "custom"))

    def test_main_dialect_is_served(self, vendor: Vendor) -> None:
        assert vendor.endpoints_for(vendor.main_dialect)


def test_redaction_patterns_compile() -> None:
    patterns = [re.compile(one.pattern) for one in load_catalog().redaction_patterns]
    assert any(one.search("sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaa") for one in patterns)
