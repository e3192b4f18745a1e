"""A user's own sessions and password, by clicking."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import open_signed_in
from tests.support.program import PASSWORD, Program

OTHER = "another horse battery"


def test_sessions_end_and_the_password_changes(page: Page, program: Program) -> None:
    program.sign_up()
    credentials = {"email": "admin@example.com", "password": PASSWORD}
    elsewhere = program.call("POST", "/api/auth/sign-in", credentials).json["access_token"]
    open_signed_in(page, "/account")
    expect(page.get_by_role("heading", name="Account and security")).to_be_visible()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("Chrome, Linux")
    expect(rows.nth(1)).to_contain_text("Here")
    rows.nth(2).get_by_role("button", name="Sign out Python-urllib").click()
    expect(rows).to_have_count(3)
    assert program.call("GET", "/api/user/me", token=elsewhere).status == 401

    page.get_by_role("textbox", name="Present password").fill("not this one")
    page.get_by_role("textbox", name="New password").fill(OTHER)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("This is not your present password.")).to_be_visible()
    page.get_by_role("textbox", name="Present password").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("The password is changed")).to_be_visible()
    expect(rows).to_have_count(2)
    assert program.call("POST", "/api/auth/sign-in", credentials).status == 401
    again = {**credentials, "password": OTHER}
    assert program.call("POST", "/api/auth/sign-in", again).status == 200
    page.reload()
    page.get_by_role("button", name="Sign out 1 other").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(rows).to_have_count(2)
