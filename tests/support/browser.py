"""Debian's Chromium, deaf to the network interfaces that other tests make and remove."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.services import run

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own: while Playwright is open, its event loop keeps others from running."""
    environment: dict[str, str | float | bool] = dict(os.environ)
    if library := _no_netlink():
        environment["LD_PRELOAD"] = str(library)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET, env=environment)
        yield browser
        browser.close()


def _no_netlink() -> Path | None:
    """The library, built once a run; None without a compiler."""
    if shutil.which("gcc") is None:
        return None
    library = run.folder() / "no_netlink.so"
    with run.lock("no-netlink"):
        if not library.exists():
            source = Path(__file__).with_name("no_netlink.c")
            command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
            subprocess.run(command, check=True, capture_output=True)
    return library
