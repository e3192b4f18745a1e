"""Builds the images that bots are made from, on the engine that DOCKER_HOST names or on the usual one.

    python scripts/build_bot_images.py [builtin] [openclaw] [--base IMAGE | --base debootstrap]

Both are built from a small context that is prepared here: the packages of OpenClaw are installed by npm under
.cache/, from the pinned lock file, and copied in, so that a build asks no registry for anything but its base.
With `--base debootstrap` not even for that: the base is made from Debian's own packages (needs root).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import node_and_npm  # noqa: E402 - it is beside the package, not in it

RECIPES = ROOT / "deploy" / "bot-image"
CACHE = ROOT / ".cache" / "bot-images"
BUILTIN_BOT = ROOT / "src" / "clawbot_manager" / "runtimes" / "builtin_bot"
TAGS = {"builtin": "clawbot-manager/builtin-bot:latest", "openclaw": "clawbot-manager/openclaw:2026.9.6"}
DEBOOTSTRAP = "debootstrap"
OWN_BASE = "clawbot-manager/base:bookworm"
OWN_BASE_PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates"


class BuildError(Exception):
    """It cannot be built; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Build what was named, or both."""
    parser = argparse.ArgumentParser(description="Build the images that bots are made from.")
    parser.add_argument(
        "images", nargs="*", choices=[*TAGS, []], help="builtin, openclaw; both when left out"
    )
    parser.add_argument("--base", help="another base image, or `debootstrap` to make one here")
    given = parser.parse_args(arguments)
    try:
        build(given.images or list(TAGS), base=given.base)
    except BuildError as error:
        print(f"bot images: {error}", file=sys.stderr)
        return 1
    return 0


def build(images: Sequence[str], *, base: str | None = None) -> None:
    """Raises `BuildError`."""
    if shutil.which("docker", path=_path()) is None:
        raise BuildError("there is no docker command here (Debian: docker.io). Install it and its engine.")
    if docker("version", check=False) != 0:
        raise BuildError("the container engine does not answer. Start it, or name another by DOCKER_HOST.")
    if base == DEBOOTSTRAP:
        make_base()
        base = OWN_BASE
    prepare: dict[str, Callable[[Path], None]] = {"builtin": prepare_builtin, "openclaw": prepare_openclaw}
    for image in images:
        started = time.monotonic()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{image}-") as folder:
            context = Path(folder)
            context.chmod(0o755)
            prepare[image](context)
            say(f"building {TAGS[image]}")
            chosen = ("--build-arg", f"BASE={base}") if base else ()
            recipe = RECIPES / f"{image}.Dockerfile"
            command = ("build", "--quiet", *chosen, "--network", "none", "--tag", TAGS[image])
            # the builder without BuildKit is everywhere, and needs no plug-in
            code = docker(*command, "--file", str(recipe), str(context), environment={"DOCKER_BUILDKIT": "0"})
        if code != 0:
            raise BuildError(f"{TAGS[image]} could not be built; what is above says why.")
        say(f"{TAGS[image]} built in {time.monotonic() - started:.0f} s")


def prepare_builtin(context: Path) -> None:
    """The program, readable whatever the checkout's umask was."""
    target = context / "builtin_bot"
    shutil.copytree(BUILTIN_BOT, target, ignore=shutil.ignore_patterns("__pycache__"))
    _open_for_all(target)


def prepare_openclaw(context: Path) -> None:
    """Node and the installed packages, linked rather than copied."""
    packages = _openclaw_packages()
    node, _ = node_and_npm()
    shutil.copy2(node, context / "node")
    (context / "node").chmod(0o755)
    subprocess.run(["cp", "-al", str(packages), str(context / "node_modules")], check=True)


def _openclaw_packages() -> Path:
    sources = [RECIPES / "openclaw" / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:16]
    home = CACHE / f"openclaw-{digest}"
    if (home / "node_modules").is_dir():
        return home / "node_modules"
    say("installing OpenClaw's packages (650 MB; about a minute)")
    draft = CACHE / f".openclaw-{digest}.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for file in sources:
        shutil.copy2(file, draft)
    options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _npm(draft, "ci", *options)
    _npm(draft, "rebuild", "openclaw", "--loglevel=error")  # of all packages' scripts only its own run
    _open_for_all(draft / "node_modules")
    draft.rename(home)
    return home / "node_modules"


def _npm(folder: Path, *arguments: str) -> None:
    node, npm = node_and_npm()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{_path()}"}
    command = [str(node), str(npm), *arguments]
    if subprocess.run(command, cwd=folder, env=environment, stdout=sys.stderr, check=False).returncode != 0:
        raise BuildError(f"`npm {arguments[0]}` failed for OpenClaw's packages; what is above says why.")


def make_base() -> None:
    """A Debian with Python's bare library, from its own packages, as an image of the engine."""
    if docker("image", "inspect", OWN_BASE, check=False) == 0:
        return
    archive = CACHE / "base-bookworm.tar"
    if not archive.is_file():
        if os.geteuid() != 0 or shutil.which("debootstrap", path=_path()) is None:
            raise BuildError("a base of our own needs root and debootstrap (Debian: debootstrap).")
        say("making a base from Debian's packages (about a minute)")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="clawbot-base-") as folder:
            root = Path(folder) / "root"
            log = Path(folder) / "log"
            command = [
                "debootstrap",
                "--variant=minbase",
                f"--include={OWN_BASE_PACKAGES}",
                "bookworm",
                str(root),
            ]
            with log.open("wb") as output:
                done = subprocess.run(
                    command, stdout=output, stderr=output, env={**os.environ, "PATH": _path()}, check=False
                )
            if done.returncode != 0:
                raise BuildError(f"debootstrap failed:\n{log.read_text(errors='replace')[-1500:]}")
            shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
            shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
            draft = archive.with_suffix(".new")
            subprocess.run(["tar", "-C", str(root), "-cf", str(draft), "."], check=True)
            draft.rename(archive)
    if docker("import", str(archive), OWN_BASE) != 0:
        raise BuildError("the engine did not take the base; what is above says why.")


def _open_for_all(folder: Path) -> None:
    subprocess.run(["chmod", "-R", "a+rX,go-w", str(folder)], check=True)


def docker(*arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> int:
    """The command's exit code; quiet unless it is `check`ed."""
    quiet = None if check else subprocess.DEVNULL
    return subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **(environment or {}), "PATH": _path()},
        stdout=subprocess.DEVNULL,
        stderr=quiet,
        check=False,
    ).returncode


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def say(text: str) -> None:
    """Progress goes where errors go: standard output may be read by a program."""
    print(f"==> {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
