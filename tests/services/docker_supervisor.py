"""The process that owns a test run's Docker engine and outlives no run.

    python -m tests.services.docker_supervisor FOLDER OWNER_PID

It writes FOLDER/docker.json (the engine's URL, or why there is none), then holds the engine and ends it, with
all containers, networks and files, as soon as the process OWNER_PID or FOLDER is gone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ANSWER = "docker.json"
IMAGE = "clawbot-manager-test-bot:1"
BUSYBOX = Path("/bin/busybox")
START_SECONDS = 60.0

# The stub is a shell: it says that it is up and answers on the gateway's port until it is told to end.
SCRIPT = """#!/bin/sh
[ -n "$STUB_STUBBORN" ] && trap '' TERM
mkdir -p /tmp/www && echo '{"ok":true,"status":"live"}' > /tmp/www/healthz
httpd -p 18789 -h /tmp/www  # listens when it returns
echo 'the bot is up'
while :; do sleep 1000 & wait $!; done
"""


class StartError(Exception):
    """The engine can't be had; the message says why."""


def launch(folder: Path, owner: int) -> None:
    """Called by a test process; returns when the answer is written."""
    command = [sys.executable, "-m", __name__, str(folder), str(owner)]
    root = Path(__file__).resolve().parents[2]
    with Path(os.devnull).open("r+b") as nowhere:
        child = subprocess.Popen(
            command, cwd=root, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS * 2
    while not (folder / ANSWER).exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.returncode = child.poll() or 0  # it goes on without us


def main(folder: Path, owner: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # On a disk: the engine's file system does not lie on one in memory everywhere. A short path: the
    # engine's own sockets are below it.
    home = Path(tempfile.mkdtemp(prefix="cbm-docker-", dir="/var/tmp"))
    engine = None
    try:
        engine = start(home)
        build(url(home))
        publish(folder / ANSWER, {"url": url(home), "image": IMAGE})
        while alive(owner) and (folder / ANSWER).exists() and engine.poll() is None:
            time.sleep(0.1)
    except (StartError, OSError, subprocess.SubprocessError) as failure:
        with contextlib.suppress(FileNotFoundError):
            publish(folder / ANSWER, {"error": str(failure)})
    finally:
        if engine is not None:
            end(engine, url(home))
        shutil.rmtree(home, ignore_errors=True)


def url(home: Path) -> str:
    return f"unix://{home / 'd.sock'}"


def start(home: Path) -> subprocess.Popen[bytes]:
    for needed in ("dockerd", "docker", "iptables"):
        if shutil.which(needed, path=search_path()) is None:
            raise StartError(f"there is no {needed} (Debian: docker.io, iptables)")
    if not BUSYBOX.exists():
        raise StartError("there is no /bin/busybox (Debian: busybox-static)")
    if os.geteuid() != 0:
        raise StartError("a Docker engine needs root")
    command = [
        *("dockerd", "--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
        *("--host", url(home), "--pidfile", str(home / "d.pid"), "--bridge", "none"),
        # away from what an engine of this machine, or one of another run, takes
        *("--default-address-pool", f"base=10.{random.randint(100, 250)}.0.0/16,size=24"),
        *("--shutdown-timeout", "2", "--log-level", "warn"),
    ]
    environment = {**os.environ, "PATH": search_path()}
    with (home / "log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    deadline = time.monotonic() + START_SECONDS
    while engine.poll() is None and time.monotonic() < deadline:
        if docker(url(home), "version", check=False).returncode == 0:
            return engine
        time.sleep(0.1)
    engine.kill()
    engine.wait()
    raise StartError(f"dockerd did not start: {(home / 'log').read_text(errors='replace')[-1500:]}")


def search_path() -> str:
    """With the folders where Debian puts the engine and iptables."""
    return os.pathsep.join(["/usr/sbin", "/sbin", os.environ.get("PATH", os.defpath)])


def build(host: str) -> None:
    """An image from nothing but busybox: no registry is asked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("bin", "tmp", "state", "workspace", "proc", "sys", "dev", "etc"):
            folder = tarfile.TarInfo(name)
            # a tmpfs takes the mode of the folder that it covers, whatever it is told
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
        tar.add(BUSYBOX.resolve(), "bin/busybox")
        for name in ("sh", "mkdir", "echo", "httpd", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        script = tarfile.TarInfo("bot.sh")
        script.size, script.mode = len(SCRIPT), 0o755
        tar.addfile(script, io.BytesIO(SCRIPT.encode()))
    docker(host, "import", "--change", 'CMD ["/bin/sh", "/bot.sh"]', "-", IMAGE, given=packed.getvalue())


def docker(
    host: str, *arguments: str, given: bytes | None = None, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": search_path(), "HOME": "/nonexistent"}
    command = ["docker", "--host", host, *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, check=check, env=environment, timeout=START_SECONDS
    )


def end(engine: subprocess.Popen[bytes], host: str) -> None:
    """The engine leaves its containers' bridges behind: they go first."""
    if engine.poll() is None:
        with contextlib.suppress(subprocess.SubprocessError):
            if found := docker(host, "ps", "--all", "--quiet").stdout.decode().split():
                docker(host, "rm", "--force", "--volumes", *found, check=False)
            close_firewalls(host)
            docker(host, "network", "prune", "--force", check=False)
        engine.terminate()
    try:
        engine.wait(timeout=30)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def close_firewalls(host: str) -> None:
    """The rules of the bots' networks outlive an engine as well."""
    found = docker(host, "network", "ls", "--quiet", "--filter", "label=clawbot-manager.managed=true")
    for network in found.stdout.decode().split():
        show = '{{index .Options "com.docker.network.bridge.name"}}'
        bridge = docker(host, "network", "inspect", "--format", show, network).stdout.decode().strip()
        chain = f"CBM-{bridge}"
        for rule in (["-D", "INPUT", "-i", bridge, "-j", chain], ["-F", chain], ["-X", chain]):
            environment = {"PATH": search_path()}
            subprocess.run(
                ["iptables", "-w", "5", *rule], check=False, capture_output=True, env=environment, timeout=20
            )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def publish(file: Path, answer: dict[str, str]) -> None:
    """Whole or not at all: other workers may look at any moment."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(answer))
    fresh.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
