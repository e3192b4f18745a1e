"""Runs the program with reload beside the console's dev server; Ctrl-C, or the end of one, ends both."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from clawbot_manager import app
from clawbot_manager.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
GRACE_SECONDS = 15.0
CONSOLE = "http://localhost:7101"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--port", default="7100", help="port of the program; the console's dev server calls it"
    )
    parser.add_argument("--data-dir", default=os.environ.get("CLAWBOT_DATA_DIR", "data"), help="as for `up`")
    options, rest = parser.parse_known_args()
    environment = {
        **os.environ,
        "CLAWBOT_DATA_DIR": options.data_dir,
        "CONSOLE_PROXY": f"http://127.0.0.1:{options.port}",
        "PYTHONUNBUFFERED": "1",
    }
    commands = [[str(BIN / "clawbot-manager"), "serve", "--reload", "--port", options.port, *rest]]
    if (ROOT / "web" / "package.json").is_file():
        commands.append([sys.executable, str(ROOT / "hatch_build.py"), "npm", "run", "dev"])
    prepare(environment)
    # Each in a group of its own: what npm or a reloader starts is ended with it.
    running = [
        subprocess.Popen(line, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        for line in commands
    ]
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have started us with either ignored
        signal.signal(number, signal.default_int_handler)
    code = 0
    try:
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
        code = next(process.returncode for process in running if process.returncode is not None)
    except KeyboardInterrupt:
        pass
    finally:
        end(running)
    return abs(code)


def prepare(environment: dict[str, str]) -> None:
    """What `up` does before it serves, and the way in, by the console's dev server."""
    os.environ.update(environment)
    app.prepare(load_settings(), print)
    for line in app.welcome(load_settings(server={"public_url": CONSOLE})):
        print(line)


def end(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        to_group(process, signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in running:
        to_group(process, signal.SIGKILL)
        process.wait()


def to_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


if __name__ == "__main__":
    sys.exit(main())
