"""Brings `.venv` to what the pinned, hashed files in constraints/ say; does nothing when it is there already.

    python scripts/setup_env.py [dev] [console] [web]

Always: the virtual environment, the run-time packages, ClawBotManager itself (editable: the checkout is the
program). `dev` adds what tests and checks need, `console` builds the web console into the package, `web`
installs the console's own packages so that its checks and tests can run. Only the standard library is used
here, and pip does the installing, so that the user's own pip configuration (mirror, ...) is honoured.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
LOG = VENV / "setup.log"
CONSTRAINTS = ROOT / "constraints"
PARTS = ("dev", "console", "web")


class SetupError(Exception):
    """A step failed; the message says what to do."""


def main(arguments: list[str]) -> int:
    unknown = sorted(set(arguments) - set(PARTS))
    if unknown:
        print(f"unknown part: {', '.join(unknown)}; known: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    try:
        worked = ensure_venv()
        worked |= ensure_packages("run-time", "build", "runtime")
        if "dev" in arguments:
            worked |= ensure_packages("development", "dev")
        worked |= ensure_project()
        if "web" in arguments:
            run("installing the console's packages", [python(), "hatch_build.py", "packages"], show=True)
        if "console" in arguments:
            run("building the console", [python(), "hatch_build.py", "console"], show=True)
    except SetupError as failure:
        print(f"\nSetup failed: {failure}", file=sys.stderr)
        return 1
    if worked:
        say(f"ready in {time.monotonic() - started:.0f} s")
    return 0


def ensure_venv() -> bool:
    if same_place() and runs([python(), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]):
        return False
    say(f"creating .venv with Python {sys.version_info.major}.{sys.version_info.minor}")
    if VENV.exists():
        shutil.rmtree(VENV)
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        install_debian_venv()
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(VENV)
    run("installing pip", [python(), "-m", "ensurepip", "--upgrade", "--default-pip"])
    write(stamp("place"), str(VENV))
    return True


def same_place() -> bool:
    """Scripts in a virtual environment name its folder; one that was moved has to be made again."""
    place = stamp("place")
    return not place.exists() or place.read_text() == str(VENV)


def install_debian_venv() -> None:
    """Debian splits ensurepip off from Python."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise SetupError(f"Python's venv module is missing: apt-get install {package}, then try again")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
        if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise SetupError(f"{' '.join(command)} failed; install {package} by hand, then try again")
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(f"{package} is installed, but {sys.executable} has no ensurepip")


def ensure_packages(label: str, *names: str) -> bool:
    files = [CONSTRAINTS / f"{name}.txt" for name in names]
    wanted = digest(*files)
    mark = stamp(label)
    if mark.exists() and mark.read_text() == wanted:
        return False
    command = [python(), "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar=off"]
    for file in files:
        command += ["-r", str(file.relative_to(ROOT))]
    count = sum(len(re.findall(r"^[A-Za-z0-9][^=\n]*==", file.read_text(), re.MULTILINE)) for file in files)
    run(f"installing {count} {label} packages", command)
    write(mark, wanted)
    return True


def ensure_project() -> bool:
    wanted = digest(ROOT / "pyproject.toml", ROOT / "hatch_build.py")
    mark = stamp("project")
    if mark.exists() and mark.read_text() == wanted:
        return False
    command = [python(), "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-e", "."]
    run("installing clawbot-manager from this checkout", command)
    write(mark, wanted)
    return True


def python() -> str:
    return str(BIN / "python")


def stamp(name: str) -> Path:
    return VENV / ".stamps" / name


def digest(*files: Path) -> str:
    total = hashlib.sha256(str(ROOT).encode())
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def runs(command: list[str]) -> bool:
    with contextlib.suppress(OSError):
        ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return ended.returncode == 0
    return False


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def run(label: str, command: list[str], *, show: bool = False) -> None:
    """Runs a step: its output into the log, a trace of it on the terminal. `show`: the step speaks itself."""
    if show:
        if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise SetupError(f"{label} did not succeed; the lines above say why")
        return
    say(label)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n# {label}: {' '.join(command)}\n")
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        tail: list[str] = []
        show_progress = progress_line()
        with process.stdout as lines:
            for line in lines:
                log.write(line)
                tail = [*tail[-24:], line]
                show_progress(line.strip())
        code = process.wait()
        show_progress("")
    if code != 0:
        print("".join(tail), end="", file=sys.stderr)
        raise SetupError(f"{label} ended with code {code}; everything it said is in {LOG.relative_to(ROOT)}")


def progress_line() -> Callable[[str], None]:
    """One line, written over again and again on a terminal; nothing anywhere else."""
    if not sys.stdout.isatty():
        return lambda _text: None
    width = min(shutil.get_terminal_size().columns, 110) - 6

    def show(text: str) -> None:
        shown = f"    {text[:width]}" if text else ""
        print(f"\r\033[K{shown}", end="", flush=True)

    return show


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
