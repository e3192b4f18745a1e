"""A private nginx that passes requests on: Debian's binary as one process, with no file of Debian's.

CLAWBOT_TEST_NGINX=skip skip the tests that need nginx; without it they fail where there is none
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MODE = "CLAWBOT_TEST_NGINX"
START_SECONDS = 30.0
_SETTINGS = """
daemon off;
master_process off;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream provider {{
        server unix:{upstream};
        keepalive 8;
    }}
    server {{
        listen unix:{listening};
        location {prefix} {{
            proxy_pass http://provider/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_next_upstream off;
        }}
    }}
}}
"""


class NginxUnavailableError(Exception):
    """The tests need nginx and it can't be had; the message says why."""


@dataclass(frozen=True)
class Passing:
    """An nginx that listens at one socket in the file system and passes requests on to another."""

    listening: Path
    upstream: Path


@contextlib.contextmanager
def passing(folder: Path, prefix: str) -> Iterator[Passing]:
    """nginx for paths that begin with `prefix`, which it takes away. It ends with the calling process, if not
    before.
    """
    if os.environ.get(MODE) == "skip":
        pytest.skip(f"{MODE}=skip")
    # a process of root starts it as root; a socket's path must be short
    there = Passing(folder / "in", folder / "out")
    log = folder / "log"
    settings = folder / "nginx.conf"
    settings.write_text(
        _SETTINGS.format(folder=folder, upstream=there.upstream, listening=there.listening, prefix=prefix)
    )
    command = [*_ending_with_us(), _binary(), "-p", str(folder), "-c", str(settings), "-e", str(log)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(process, there.listening, log)
        yield there
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _binary() -> str:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/opt/homebrew/bin")
    if found is None:
        raise NginxUnavailableError("no nginx was found: run scripts/install-test-services.sh or install it")
    return found


def _ending_with_us() -> list[str]:
    """Linux can end a process with its parent, however that dies."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "TERM", "--"]


def _wait(process: subprocess.Popen[bytes], listening: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(listening))
            return
        time.sleep(0.005)
    told = log.read_text(errors="replace") if log.exists() else "it said nothing"
    raise NginxUnavailableError(f"nginx did not start: {told[-2000:]}")
