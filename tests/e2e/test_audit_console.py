"""What was done, read and taken away by clicking."""

from __future__ import annotations

import csv

from playwright.sync_api import Page, expect

from tests.e2e.conftest import open_signed_in
from tests.support.program import Program


def test_what_was_done_is_found_and_exported(page: Page, program: Program) -> None:
    program.sign_up()
    for number in range(55):
        key = {"vendor": "openai", "label": f"key {number}", "secret": "sk-test-0123456789abcdef0123"}
        assert program.call("POST", "/api/provider-key", key).status == 201
    wrong = {"email": "admin@example.com", "password": "not the password"}
    assert program.call("POST", "/api/auth/sign-in", wrong).status == 401
    open_signed_in(page, "/audit")
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(51)
    page.get_by_role("button", name="Load more").click()
    expect(page.get_by_text("key 0", exact=True)).to_be_visible()

    page.get_by_text("Refused", exact=True).first.click()
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("Signed in · session")
    expect(rows.nth(1)).to_contain_text("Nobody known")
    page.get_by_text("All", exact=True).first.click()
    page.get_by_role("textbox", name="Part of a name").fill("KEY 54")
    expect(rows).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    with download.value.path().open(newline="") as file:
        assert [row["target"] for row in csv.DictReader(file)] == ["key 54"]
    page.get_by_role("textbox", name="Part of a name").fill("nothing like it")
    expect(page.get_by_text("Nothing was done")).to_be_visible()
