"""Other gateways, each set up for speed: no log, no limit, no retry, nothing written, one process."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from bench.asks import MODEL
from bench.machine import CACHE, PROXY_CPU, Running, free_port, running, wait_for_port
from bench.target import Target

FOLDER = CACHE / "peers"
_PATH = "/v1/chat/completions"
_PRELOAD = Path(__file__).resolve().parent / "portkey-preload.cjs"


class NotInstalledError(Exception):
    """A peer that is not on this machine; the message says why."""


def _program(peer: str, path: str) -> Path:
    """The program, which scripts/install-bench-tools.sh put there, or the reason that it left.

    Raises:
        NotInstalledError: it is not there.
    """
    program = FOLDER / peer / path
    if program.exists():
        return program
    with contextlib.suppress(OSError):
        raise NotInstalledError((FOLDER / f"{peer}.failed").read_text().strip())
    raise NotInstalledError("run scripts/install-bench-tools.sh")


@contextlib.contextmanager
def _started(
    name: str, command: list[str], environment: dict[str, str], work: Path, port: int
) -> Iterator[Running]:
    folder = work / name
    folder.mkdir()
    environment = {"HOME": str(folder), **environment}
    with running(
        name, command, cpu=PROXY_CPU, log=folder / "log", environment=environment, cwd=folder
    ) as process:
        wait_for_port(port, process, seconds=180)
        yield process


@contextlib.contextmanager
def ferrogw(upstream: int, work: Path) -> Iterator[Target]:
    """Ferro's gateway, in Go; its request log and usage store stay off."""
    program, port, token = _program("ferrogw", "bin/ferrogw"), free_port(), "fgw_" + "0" * 32
    config = work / "ferrogw.yaml"
    config.write_text("strategy:\n  mode: single\ntargets:\n  - virtual_key: openai\n")
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "GATEWAY_CONFIG": str(config),
        "MASTER_KEY": token,
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}",
        "RATE_LIMIT_RPS": "1000000000",
        "RATE_LIMIT_BURST": "1000000000",
        "LOG_LEVEL": "error",
        "GOMAXPROCS": "1",
        "FERRO_MODEL_CATALOG_URL": f"http://127.0.0.1:{upstream}/catalogue",
    }
    with _started("ferrogw", [str(program), "serve"], environment, work, port) as process:
        yield Target("ferrogw", port, _PATH, process, token=token)


@contextlib.contextmanager
def litellm(upstream: int, work: Path) -> Iterator[Target]:
    """LiteLLM's proxy in its production mode, one worker, no database and no callbacks."""
    program, port, token = _program("litellm", "bin/litellm"), free_port(), "sk-bench-token"
    config = work / "litellm.json"
    address = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "sk-bench",
    }
    settings = {
        "model_list": [{"model_name": MODEL, "litellm_params": address}],
        "litellm_settings": {"num_retries": 0, "request_timeout": 600},
        "general_settings": {"master_key": token},
    }
    config.write_text(json.dumps(settings))
    environment = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DISABLE_ADMIN_UI": "True",
    }
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    with _started("litellm", command, environment, work, port) as process:
        yield Target("litellm", port, _PATH, process, token=token, slow=True)


@contextlib.contextmanager
def portkey(upstream: int, work: Path) -> Iterator[Target]:
    """Portkey's gateway on Node (see portkey-preload.cjs); it checks no token and writes nothing."""
    server = _program("portkey", "node_modules/@portkey-ai/gateway/build/start-server.js")
    node, port = shutil.which("node"), free_port()
    if node is None:
        raise NotInstalledError("there is no node here")
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"}
    command = [node, "--require", str(_PRELOAD), str(server), f"--port={port}", "--headless"]
    with _started("portkey", command, {"NODE_ENV": "production"}, work, port) as process:
        yield Target("portkey", port, _PATH, process, headers=headers, slow=True)


PEERS: dict[str, Callable[[int, Path], AbstractContextManager[Target]]] = {
    "ferrogw": ferrogw,
    "litellm": litellm,
    "portkey": portkey,
}
