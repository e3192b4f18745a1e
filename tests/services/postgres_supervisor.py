"""The process that owns a test run's PostgreSQL server and outlives no run.

    python -m tests.services.postgres_supervisor FOLDER OWNER_PID

It returns when the server answers, or when it is clear that it won't: FOLDER/postgres.json tells which. A
child of it stays, holds the server, and ends it on SIGTERM or as soon as the process OWNER_PID is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

ANSWER = "postgres.json"
PID = "postgres-supervisor.pid"
SUPERUSER = "clawbot"
START_SECONDS = 60.0
ATTEMPTS = 5
# Nothing here outlives the run, so nothing has to reach the disk.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "1h",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}


class StartError(Exception):
    """The server can't be had; the message says why."""


def launch(folder: Path, owner: int) -> None:
    """Called by a test process; blocks until the answer is written."""
    command = [sys.executable, "-m", __name__, str(folder), str(owner)]
    root = Path(__file__).resolve().parents[2]
    subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, check=True, timeout=START_SECONDS * 2)


def main(folder: Path, owner: int) -> None:
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        os.read(ready, 1)  # ends with the child's word or with its death
        return
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    supervise(folder, owner, told)


def supervise(folder: Path, owner: int, told: int) -> None:
    over = False

    def end(_number: int, _frame: object) -> None:
        nonlocal over
        over = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    data = folder / "postgres"
    try:
        server, answer = start(data)
    except Exception as failure:  # noqa: BLE001 - the tests have to be told, whatever it is
        publish(folder / ANSWER, {"error": f"{type(failure).__name__}: {failure}"})
        os.close(told)
        return
    (folder / PID).write_text(str(os.getpid()))
    publish(folder / ANSWER, answer)
    os.close(told)
    while not over and alive(owner) and server.poll() is None:
        time.sleep(0.1)
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)  # at once: the data goes too
        server.wait()
    shutil.rmtree(data, ignore_errors=True)
    (folder / PID).unlink(missing_ok=True)
    if not alive(owner):
        shutil.rmtree(folder, ignore_errors=True)


def start(data: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    binaries = find_binaries()
    account = server_account()
    user: dict[str, Any] = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    data.mkdir(mode=0o700)
    password = secrets.token_hex(16)
    password_file = data.with_suffix(".password")
    password_file.write_text(password)
    if account:
        for path in (data, password_file):
            os.chown(path, account.pw_uid, account.pw_gid)
    command = [
        *(
            str(binaries / "initdb"),
            "--pgdata",
            str(data),
            "--username",
            SUPERUSER,
            "--pwfile",
            str(password_file),
        ),
        *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
    ]
    made = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", check=False, text=True, **user
    )
    password_file.unlink()
    if made.returncode != 0:
        raise StartError(f"initdb failed: {made.stderr.strip()}")
    for _ in range(ATTEMPTS):
        port = free_port()
        server = serve(data, port)
        if answers(server, port, password):
            return server, {"port": port, "password": password}
    log = data.with_suffix(".log").read_text(errors="replace")
    raise StartError(f"PostgreSQL did not start: {log[-2000:]}")


def serve(data: Path, port: int) -> subprocess.Popen[bytes]:
    """The server on data that `start` has made."""
    account = server_account()
    user: dict[str, Any] = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    with data.with_suffix(".log").open("wb") as output:
        return subprocess.Popen(
            [str(find_binaries() / "postgres"), "-D", str(data), "-p", str(port), *options],
            stdout=output,
            stderr=output,
            cwd="/",
            **user,
        )


def find_binaries() -> Path:
    """The newest that Debian has, else what PATH has, else Homebrew's."""
    debian = sorted(
        (found for found in Path("/usr/lib/postgresql").glob("*/bin") if (found / "initdb").is_file()),
        key=lambda found: float(found.parent.name),
    )
    if debian:
        return debian[-1]
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    for found in sorted(Path("/opt/homebrew/opt").glob("postgresql*/bin"), reverse=True):
        if (found / "initdb").is_file():
            return found
    raise StartError("no initdb was found: run scripts/install-test-services.sh or install PostgreSQL")


def server_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartError("running as root, and there is no user postgres or nobody to run PostgreSQL as")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(server: subprocess.Popen[bytes], port: int, password: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1",
                port=port,
                user=SUPERUSER,
                password=password,
                dbname="postgres",
                connect_timeout=5,
            ).close()
            return True
        if time.monotonic() > deadline:
            server.kill()
            server.wait()
            return False
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def publish(file: Path, answer: dict[str, Any]) -> None:
    """Whole or not at all: other workers may look at any moment."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(answer))
    fresh.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
