"""What a user does with a bot that exists, by clicking."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import open_signed_in
from tests.support.program import Program
from tests.support.provider import REAL_KEY, Upstream

HOSTNAME = "scout"
_RUNS = 40_000


@pytest.fixture
def bot(page: Page, program: Program, upstream: Upstream) -> Page:
    """The page of a bot that has answered, seen by its owner."""
    program.sign_up()
    key = {"vendor": "openai", "label": "main", "secret": REAL_KEY, "base_url": upstream.url}
    assert program.call("POST", "/api/provider-key", key).status == 201
    made = {
        "name": "Scout",
        "hostname": HOSTNAME,
        "providers": [{"vendor": "openai", "models": ["gpt-test"]}],
    }
    assert program.call("POST", "/api/bot", made).status == 201
    open_signed_in(page, f"/bots/{HOSTNAME}")
    expect(page.get_by_role("heading", name="Scout", exact=True)).to_be_visible()
    expect(page.get_by_text("Running", exact=True).first).to_be_visible(timeout=_RUNS)
    return page


def test_settings_are_changed_and_a_restart_brings_those_that_wait(bot: Page, program: Program) -> None:
    bot.get_by_role("tab", name="Settings").click()
    save = bot.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    bot.get_by_role("textbox", name="Name", exact=True).fill("Scout the second")
    save.click()
    expect(bot.get_by_role("heading", name="Scout the second")).to_be_visible()
    expect(bot.get_by_text("Changes wait for a restart")).to_have_count(0)

    bot.get_by_role("textbox", name="Memory (MB)").fill("300")
    save.click()
    waiting = bot.get_by_role("alert").filter(has_text="Changes wait for a restart")
    expect(waiting).to_be_visible()
    before = program.call("GET", f"/api/bot/{HOSTNAME}").json["started_at"]
    waiting.get_by_role("button", name="Restart now").click()
    expect(waiting).to_have_count(0, timeout=_RUNS)
    expect(bot.get_by_text("Running", exact=True).first).to_be_visible(timeout=_RUNS)

    after = program.call("GET", f"/api/bot/{HOSTNAME}").json
    assert after["limits"]["memory_mb"] == 300
    assert after["name"] == "Scout the second"
    assert after["started_at"] > before

    bot.get_by_role("tab", name="History").click()
    history = bot.get_by_role("list", name="History").get_by_role("listitem")
    expect(history.filter(has_text="Restart asked for")).to_have_count(1)
    expect(history.filter(has_text="Settings changed").first).to_contain_text(re.compile("limits|name"))


def test_what_is_wrong_with_the_settings_is_said_at_their_field(bot: Page) -> None:
    bot.get_by_role("tab", name="Settings").click()
    hosts = bot.get_by_role("combobox", name="Hosts it may reach")
    hosts.fill("https://example.com")
    hosts.press("Enter")
    bot.get_by_role("button", name="Save").click()
    expect(bot.get_by_text("Each must be a host name in small letters")).to_be_visible()
    bot.get_by_role("button", name="Discard").click()
    expect(bot.get_by_text("https://example.com")).to_have_count(0)


def test_a_diagnosis_says_what_works_and_what_does_not(bot: Page, upstream: Upstream) -> None:
    bot.get_by_role("tab", name="Diagnose").click()
    bot.get_by_role("button", name="Diagnose", exact=True).click()
    expect(bot.get_by_text("Everything the bot needs works.")).to_be_visible(timeout=_RUNS)
    checks = bot.get_by_role("tabpanel").get_by_role("listitem")
    expect(checks.filter(has_text="Prompt")).to_contain_text("Passed")
    expect(checks.filter(has_text="Provider key")).to_contain_text("Passed")

    bot.get_by_role("button", name="Stop", exact=True).click()
    expect(bot.get_by_text("Stopped", exact=True).first).to_be_visible(timeout=_RUNS)
    bot.get_by_role("switch", name="With a prompt").click()
    asked = len(upstream.seen())
    bot.get_by_role("button", name="Diagnose again").click()
    expect(checks.filter(has_text="Gateway")).to_contain_text("Skipped", timeout=_RUNS)
    assert not [request for request in upstream.seen()[asked:] if "chat" in request["path"]]


def test_the_list_starts_and_stops_the_bots_that_are_chosen(bot: Page, program: Program) -> None:
    bot.get_by_role("link", name="Bots", exact=True).first.click()
    bot.get_by_role("checkbox", name="Choose Scout").check()
    bot.get_by_role("button", name="Stop chosen").click()
    bot.get_by_role("dialog").get_by_role("button", name="Stop chosen").click()
    expect(bot.get_by_text("1 of 1 done")).to_be_visible()
    row = bot.get_by_role("row", name=re.compile("Scout"))
    expect(row.get_by_text("Stopped", exact=True)).to_be_visible(timeout=_RUNS)

    states = bot.get_by_role("combobox", name="State")
    states.select_option("Running")
    expect(bot.get_by_text("No bot is in this state")).to_be_visible()
    states.select_option("Stopped")
    expect(row).to_be_visible()

    bot.get_by_role("button", name="Start chosen").click()
    states.select_option("All states")
    expect(row.get_by_text("Running", exact=True)).to_be_visible(timeout=_RUNS)
    assert program.state(HOSTNAME) == "running"


def test_a_bot_without_a_key_says_what_is_missing_and_starts_when_it_is_there(
    bot: Page, program: Program, upstream: Upstream
) -> None:
    made = {"name": "Poor", "hostname": "poor", "providers": [{"vendor": "groq", "models": ["llama"]}]}
    assert program.call("POST", "/api/bot", made).status == 201
    bot.goto("/bots/poor")
    problem = bot.get_by_role("alert").filter(has_text="The key is missing or refused")
    expect(problem).to_be_visible(timeout=_RUNS)
    expect(problem.get_by_role("link", name="Provider keys")).to_be_visible()
    expect(bot.get_by_role("listitem").filter(has_text="First answer")).to_contain_text("failed")

    key = {"vendor": "groq", "label": "groq", "secret": REAL_KEY, "base_url": upstream.url}
    assert program.call("POST", "/api/provider-key", key).status == 201
    bot.get_by_role("button", name="Start", exact=True).click()
    expect(problem).to_have_count(0, timeout=_RUNS)
    expect(bot.get_by_text("Running", exact=True).first).to_be_visible(timeout=_RUNS)


def test_a_backup_brings_back_what_was_changed_since(bot: Page, program: Program) -> None:
    bot.get_by_role("tab", name="Backups").click()
    bot.get_by_role("button", name="Back up now").click()
    restore = bot.get_by_role("button", name=re.compile("^Restore the backup of"))
    expect(restore).to_be_disabled()
    assert program.call("PATCH", f"/api/bot/{HOSTNAME}", {"name": "Renamed"}).status == 200
    bot.get_by_role("button", name="Stop", exact=True).click()
    expect(bot.get_by_role("heading", name="Renamed")).to_be_visible(timeout=_RUNS)
    expect(restore).to_be_enabled(timeout=_RUNS)
    restore.click()
    bot.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(bot.get_by_role("heading", name="Scout", exact=True)).to_be_visible()


def test_the_log_is_live_and_outlives_the_bot(bot: Page) -> None:
    bot.get_by_role("tab", name="Logs").click()
    expect(bot.get_by_text("Live", exact=True)).to_be_visible()
    log = bot.get_by_role("log", name="Logs")
    expect(log).not_to_be_empty()
    bot.get_by_role("button", name="Delete", exact=True).click()
    dialog = bot.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(HOSTNAME)
    dialog.get_by_role("button", name="Delete bot").click()
    expect(bot.get_by_role("heading", name="Bots", exact=True)).to_be_visible(timeout=_RUNS)
    bot.goto("/bots/removed")
    bot.get_by_role("button", name="Last logs of Scout").click()
    expect(bot.get_by_role("dialog").get_by_role("log")).not_to_be_empty()


def test_a_clone_is_another_bot_of_the_same_settings(bot: Page, program: Program) -> None:
    bot.get_by_role("button", name="Actions for Scout").click()
    bot.get_by_role("menuitem", name="Clone").click()
    dialog = bot.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name="Hostname")).to_have_value(f"{HOSTNAME}-copy")
    dialog.get_by_role("button", name="Clone").click()
    expect(bot.get_by_role("heading", name="Scout (copy)", exact=True)).to_be_visible()
    expect(bot.get_by_text("Running", exact=True).first).to_be_visible(timeout=_RUNS)
    one, other = (program.call("GET", f"/api/bot/{name}").json for name in (HOSTNAME, f"{HOSTNAME}-copy"))
    assert one["providers"] == other["providers"]
    assert one["id"] != other["id"]
