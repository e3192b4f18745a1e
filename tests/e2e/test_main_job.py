"""The product's main job, twice: by clicking in a browser, and by the command line and curl alone.

Each against the simulated provider and against a real HTTP upstream in another process; afterwards nothing
that the bot could read has held the real key, and the upstream has seen no token of the bot's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import secrecy
from tests.support.program import PASSWORD, Program, wait_for
from tests.support.provider import REAL_KEY, Upstream

pytestmark = pytest.mark.e2e

EMAIL = "ada@example.com"
PROVIDERS = ["simulated", "real upstream"]


class Watch:
    """What must hold while the bot lives and after it is gone."""

    def __init__(self, program: Program, upstream: Upstream) -> None:
        self._program = program
        self._upstream = upstream
        self._tokens: list[str] = []

    def running_bot(self, *, real: bool) -> None:
        """The bot's process, files and log hold its own tokens and not the real key."""
        (bot,) = self._program.bots()
        own = secrecy.environment(bot)
        self._tokens = [own["CLAWBOT_PROXY_TOKEN"], own["CLAWBOT_GATEWAY_TOKEN"]]
        assert all(len(token) > 40 for token in self._tokens)
        assert REAL_KEY not in json.dumps(own) + " ".join(bot.cmdline())
        assert secrecy.in_memory(bot, self._tokens[0]), "the search itself works"
        assert not secrecy.in_memory(bot, REAL_KEY)
        if real:
            self._upstream_saw_the_key_only()

    def _upstream_saw_the_key_only(self) -> None:
        seen = [request for request in self._upstream.seen() if request["method"] == "POST"]
        assert seen, "no call reached the upstream"
        for request in seen:
            text = json.dumps(request)
            assert REAL_KEY in text
            assert not any(token in text for token in self._tokens)

    def files(self) -> None:
        """No file of the installation holds the real key in the clear, the server's log no token either."""
        assert secrecy.files_with(self._program.data_dir, REAL_KEY) == []
        log = self._program.output()
        assert not any(secret in log for secret in (REAL_KEY, PASSWORD, *self._tokens))
        assert "Traceback" not in log

    def gone(self) -> None:
        """Nothing of the bot is left."""
        assert self._program.bots() == []
        assert not any((self._program.data_dir / "bots").iterdir())


@pytest.fixture
def watch(program: Program, upstream: Upstream) -> Watch:
    return Watch(program, upstream)


class TestByClicking:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_the_whole_way(
        self, program: Program, upstream: Upstream, page: Page, watch: Watch, provider: str
    ) -> None:
        real = provider == "real upstream"
        self._sign_up(page, program)
        if real:
            self._add_key(page, upstream)
        else:
            page.get_by_role("button", name="Try with the simulated provider").click()
            expect(page.get_by_text("You have a key: Simulated provider.")).to_be_visible()
        self._create_bot(
            page, vendor="OpenAI" if real else "Custom endpoint", model="mock-model" if real else None
        )
        answer = self._chat(page)
        assert ("Hello from the mock" if real else "simulated") in answer
        watch.running_bot(real=real)
        self._usage(page, simulated=not real)
        self._stop_and_delete(page)
        watch.gone()
        watch.files()
        page.get_by_role("button", name="Account").click()
        page.get_by_role("menuitem", name="Sign out").click()
        page.wait_for_url("**/sign-in*")
        self._sign_in(page)

    def _sign_up(self, page: Page, program: Program) -> None:
        page.goto(program.setup_link())
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url("**/bots")
        expect(page.get_by_role("heading", name="Bots", exact=True)).to_be_visible()

    def _sign_in(self, page: Page) -> None:
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_role("textbox", name="Password").fill("not my password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert", name="Not signed in")).to_contain_text("Check the e-mail")
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/bots")

    def _add_key(self, page: Page, upstream: Upstream) -> None:
        page.get_by_role("link", name="Provider keys").click()
        page.get_by_role("button", name="Add key").first.click()
        dialog = page.get_by_role("dialog")
        self._choose(page, "Vendor", "OpenAI")
        dialog.get_by_role("textbox", name="Label").fill("main key")
        dialog.get_by_role("textbox", name="Secret").fill(REAL_KEY)
        dialog.get_by_label("Base URL").fill(upstream.url)
        dialog.get_by_role("button", name="Add key").click()
        expect(dialog).to_be_hidden()
        row = page.get_by_role("row", name=re.compile("main key"))
        expect(row.get_by_text("Active")).to_be_visible()
        expect(row).not_to_contain_text(REAL_KEY)
        page.get_by_role("link", name="Bots", exact=True).click()

    def _choose(self, page: Page, label: str, option: str) -> None:
        page.get_by_role("combobox", name=label, exact=True).last.click()
        page.get_by_role("option", name=option, exact=False).first.click()

    def _create_bot(self, page: Page, *, vendor: str, model: str | None) -> None:
        page.get_by_role("link", name="Create bot").first.click()
        page.get_by_role("button", name=re.compile("^Helpful Assistant")).click()
        page.get_by_role("textbox", name="Name", exact=True).fill("Scout One")
        expect(page.get_by_role("textbox", name="Hostname")).to_have_value("scout-one")
        expect(page.get_by_role("combobox", name="Vendor")).to_have_value(vendor)  # the only one with a key
        models = page.get_by_role("combobox", name="Models", exact=True)
        if model is None:
            page.get_by_role("button", name="Load models").click()
            expect(page.get_by_text("2 models loaded from the provider")).to_be_visible()
            expect(page.get_by_role("combobox", name="Primary model")).to_have_value("simulated-small")
        else:
            models.fill(model)
            models.press("Enter")
        page.get_by_role("button", name="Create bot").click()
        page.wait_for_url("**/bots/scout-one**")
        expect(page.get_by_text("Running", exact=True).first).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Bots are not isolated")).to_be_visible()

    def _chat(self, page: Page) -> str:
        page.get_by_role("tab", name="Chat").click()
        page.get_by_role("textbox", name="Message").fill("Hello, who are you?")
        page.get_by_role("button", name="Send").click()
        log = page.get_by_role("log", name="Conversation")
        expect(log).to_contain_text(re.compile("Hello from the mock|simulated", re.IGNORECASE))
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        return log.inner_text().lower().replace("hello from the mock", "Hello from the mock")

    def _usage(self, page: Page, *, simulated: bool) -> None:
        page.get_by_role("link", name="Usage", exact=True).click()
        row = page.get_by_role("row", name=re.compile("scout-one"))
        expect(row.first).to_be_visible()
        expect(row.first).to_contain_text("200")
        if simulated:
            expect(row.first).to_contain_text("Simulated")
        else:
            expect(row.first).to_contain_text("11")
        row.first.get_by_role("button", name=re.compile("Details of the request")).click()
        details = page.get_by_role("dialog", name="Request")
        expect(details).to_contain_text("The provider told these counts.")
        expect(details).to_contain_text(re.compile(r"Trace id\s*[0-9a-f]{32}"))
        page.keyboard.press("Escape")
        expect(details).to_be_hidden()

    def _stop_and_delete(self, page: Page) -> None:
        page.get_by_role("link", name="Bots", exact=True).click()
        page.get_by_role("link", name=re.compile("Scout One")).first.click()
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_text("Stopped", exact=True).first).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog")
        confirm = dialog.get_by_role("button", name="Delete bot")
        expect(confirm).to_be_disabled()
        dialog.get_by_role("textbox").fill("scout-one")
        confirm.click()
        page.wait_for_url("**/bots", timeout=30_000)
        expect(page.get_by_role("link", name=re.compile("Scout One"))).to_have_count(0)


class TestByCommandLine:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_the_whole_way(
        self, program: Program, upstream: Upstream, watch: Watch, tmp_path: Path, provider: str
    ) -> None:
        real = provider == "real upstream"
        curl = Curl(program)
        setup = program.setup_link().partition("setup=")[2]
        account = {"email": EMAIL, "password": PASSWORD, "setup_token": setup}
        assert curl("POST", "/api/auth/sign-up", account)["user"]["role"] == "admin"

        cbm = CommandLine(program, tmp_path)
        cbm("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
        if real:
            key = ["--vendor", "openai", "--label", "main", "--base-url", upstream.url, "--secret-stdin"]
            added = cbm("key", "add", *key, stdin=REAL_KEY)
            vendor, model = "openai", "mock-model"
        else:
            added = cbm("key", "add", "--simulated")
            vendor, model = "custom", "simulated-small"
        assert REAL_KEY not in added
        keys = cbm.json("key", "list")["items"]
        assert cbm.json("key", "verify", keys[0]["id"])["result"] == "ok"
        cbm("bot", "create", "--name", "Scout One", "--vendor", vendor, "--model", model, "--wait")
        assert cbm.json("bot", "get", "scout-one")["status"]["state"] == "running"
        said = cbm("bot", "chat", "scout-one", "Hello, who are you?")
        assert ("Hello from the mock" if real else "imulated") in said
        watch.running_bot(real=real)

        token = cbm.json("bot", "token", "create", "scout-one", "--name", "curl")
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        direct = curl("POST", f"/api/v1/{vendor}/chat/completions", body, token=token["token"])
        assert direct["choices"][0]["message"]["content"]

        def counted() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = cbm.json("usage", "list")["items"]
            return rows if len(rows) == 3 else []

        rows = wait_for(
            counted, what="usage of the bot's proof, of the chat, and of the call without the bot"
        )
        assert {row["usage_source"] for row in rows} == {"provider"}
        assert all(row["input_tokens"] > 0 and row["output_tokens"] > 0 for row in rows)
        assert {row["is_simulated"] for row in rows} == {not real}
        if real:
            assert [(row["input_tokens"], row["output_tokens"]) for row in rows] == [(11, 7)] * 3

        cbm("bot", "stop", "scout-one", "--wait")
        assert cbm.json("bot", "get", "scout-one")["status"]["state"] == "stopped"
        cbm("bot", "delete", "scout-one", "--yes", "--wait")
        assert cbm.json("bot", "list")["items"] == []
        watch.gone()
        watch.files()

    def test_one_trace_id_from_the_edge_to_the_upstream(
        self, program: Program, upstream: Upstream, tmp_path: Path
    ) -> None:
        program.sign_up()
        key = {"vendor": "openai", "label": "main", "secret": REAL_KEY, "base_url": upstream.url}
        assert program.call("POST", "/api/provider-key", key).status == 201
        bot = {
            "name": "Scout",
            "hostname": "scout",
            "providers": [{"vendor": "openai", "models": ["mock-model"]}],
        }
        assert program.call("POST", "/api/bot", bot).status == 201
        program.reaches("scout", "running")
        answer = program.call("POST", "/api/bot/scout/chat", {"message": "hello"})
        trace_id = answer.headers["x-clawbot-trace-id"]
        assert trace_id in json.dumps(upstream.seen()[-1])
        wait_for(lambda: trace_id in program.call("GET", "/api/usage").text, what="the row of usage")
        row, proof = program.call("GET", "/api/usage").json["items"]
        assert row["trace_id"] == trace_id
        assert proof["trace_id"].startswith("proof-"), "the prompt by which the bot proved itself"
        wait_for(lambda: f'"trace_id": "{trace_id}"' in program.output(), what="the trace id in the log")
        assert trace_id in program.call("GET", "/api/bot/scout/logs").text


class Curl:
    """HTTP by the curl program, as a newcomer would try it."""

    def __init__(self, program: Program) -> None:
        self._base = program.base

    def __call__(self, method: str, path: str, body: Any, *, token: str | None = None) -> Any:
        command = ["curl", "-sS", "--fail-with-body", "-X", method, self._base + path]
        command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
        if token:
            command += ["-H", f"authorization: Bearer {token}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


class CommandLine:
    """The `cbm` command, with a home of its own."""

    def __init__(self, program: Program, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "CLAWBOT_URL": program.base,
        }

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        command = [str(Path(sys.executable).parent / "cbm"), *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
            env=self._environment,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))
