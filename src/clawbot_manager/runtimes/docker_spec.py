"""How a bot's container and the bots' network must look: the hardening in one place."""

import os
from typing import Any

from clawbot_manager.runtimes.base import InstanceSpec

LABEL = "clawbot-manager"
MANAGED = f"{LABEL}.managed=true"
GATEWAY_PORT = 18789
WORKSPACE = "/workspace"
STATE = "/state"
MIB = 1024 * 1024


def container_name(spec: InstanceSpec) -> str:
    """A name that a person recognises; nothing is found by it."""
    return f"clawbot-manager-{spec.hostname}-{spec.bot_id.hex[:8]}"


def container_config(
    spec: InstanceSpec, *, label: str, network: str, user: str
) -> tuple[str, dict[str, Any]]:
    """The name and the body of the engine's create call."""
    environment = {
        "HOME": STATE,  # the only place that can be written for good
        **spec.environment,
        "CLAWBOT_GATEWAY_PORT": str(GATEWAY_PORT),
        "CLAWBOT_GATEWAY_BIND": "0.0.0.0",  # noqa: S104 - its own network namespace
        "CLAWBOT_WORKSPACE": WORKSPACE,
        "CLAWBOT_STATE_DIR": STATE,
        "CLAWBOT_BOT_ID": str(spec.bot_id),
        "CLAWBOT_INSTANCE": label,
    }
    labels = {
        f"{LABEL}.managed": "true",
        f"{LABEL}.bot-id": str(spec.bot_id),
        f"{LABEL}.hostname": spec.hostname,
        f"{LABEL}.owner": str(spec.owner_id),
        f"{LABEL}.revision": str(spec.revision),
        f"{LABEL}.instance": label,
    }
    config = {
        "Image": spec.image,
        "Hostname": spec.hostname,
        "User": user,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Labels": labels,
        "HostConfig": _host_config(spec, network),
    }
    return container_name(spec), config


def _host_config(spec: InstanceSpec, network: str) -> dict[str, Any]:
    memory = spec.limits.memory_mb * MIB
    return {
        "NetworkMode": network,
        "PublishAllPorts": False,
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": "rw,nosuid,nodev,size=256m,mode=1777"},  # noqa: S108 - inside the container
        "Mounts": [
            {"Type": "bind", "Source": str(spec.workspace), "Target": WORKSPACE, "ReadOnly": True},
            {"Type": "bind", "Source": str(spec.state_dir), "Target": STATE, "ReadOnly": False},
        ],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "IpcMode": "private",
        "Init": True,  # without it a shell as process 1 ignores SIGTERM, and zombies stay
        "Memory": memory,
        "MemorySwap": memory,  # no swap on top
        "NanoCpus": int(spec.limits.cpus * 1_000_000_000),
        "PidsLimit": spec.limits.processes,
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],  # a core dump would hold the tokens
        "RestartPolicy": {"Name": "no"},  # the reconciler restarts, and counts
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
    }


def network_config(name: str) -> dict[str, Any]:
    """A network with no way out, on which containers do not see each other."""
    return {
        "Name": name,
        "Driver": "bridge",
        "Internal": True,
        "CheckDuplicate": True,
        "Options": {"com.docker.network.bridge.enable_icc": "false"},
        "Labels": {f"{LABEL}.managed": "true"},
    }


def prepare_directories(spec: InstanceSpec, user: str) -> None:
    """The state directory exists, and both belong to who the bot is inside; only root can give them away.

    The workspace, too, is private to its owner; from inside nobody writes to it, whoever that is.
    """
    spec.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        uid, _, gid = user.partition(":")
        for directory in (spec.workspace, spec.state_dir):
            os.chown(directory, int(uid), int(gid or uid))
