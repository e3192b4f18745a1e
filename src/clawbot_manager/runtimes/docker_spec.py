"""How a bot's container must look, the hardening in one place, and whether one still does."""

import json
import os
from collections.abc import Mapping
from typing import Any

from clawbot_manager.runtimes.base import InstanceSpec

LABEL = "clawbot-manager"
MANAGED = f"{LABEL}.managed=true"
ASKED = f"{LABEL}.asked"
GATEWAY_PORT = 18789
WORKSPACE = "/workspace"
STATE = "/state"
MIB = 1024 * 1024


def container_name(spec: InstanceSpec) -> str:
    """A name that a person recognises; nothing is found by it. What is random of a UUIDv7 is its end."""
    return f"clawbot-manager-{spec.hostname}-{spec.bot_id.hex[-8:]}"


def container_config(
    spec: InstanceSpec, *, label: str, network: str, user: str
) -> tuple[str, dict[str, Any]]:
    """The name and the body of the engine's create call."""
    environment = {
        "HOME": STATE,  # the only place that can be written for good
        **spec.environment,
        "CLAWBOT_BOT_ID": str(spec.bot_id),
        "CLAWBOT_INSTANCE": label,
    }
    name = container_name(spec)
    host_config = _host_config(spec, network)
    labels = {
        f"{LABEL}.managed": "true",
        f"{LABEL}.bot-id": str(spec.bot_id),
        f"{LABEL}.hostname": spec.hostname,
        f"{LABEL}.owner": str(spec.owner_id),
        f"{LABEL}.revision": str(spec.revision),
        f"{LABEL}.instance": label,
        ASKED: json.dumps(_facts(name, host_config, [network]), sort_keys=True),
    }
    config = {
        "Image": spec.image,
        "Hostname": spec.hostname,
        "User": user,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Labels": labels,
        "HostConfig": host_config,
    }
    return name, config


def drift_of(shown: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a container is no longer as it was asked for; all else of one cannot be changed.

    `shown` is the engine's answer to an inspection. A container without the label is taken as it is.
    """
    asked = (shown["Config"].get("Labels") or {}).get(ASKED)
    if asked is None:
        return ()
    networks = sorted(shown["NetworkSettings"]["Networks"] or {})
    now = _facts(shown["Name"].removeprefix("/"), shown["HostConfig"], networks)
    return tuple(name for name, value in json.loads(asked).items() if now.get(name) != value)


def mended(shown: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The name, the network and the body of an update call that a drifted container needs."""
    asked = json.loads(shown["Config"]["Labels"][ASKED])
    update = {
        "Memory": asked["memory"][0],
        "MemorySwap": asked["memory"][1],
        "NanoCpus": asked["cpus"][0],
        "PidsLimit": asked["processes"],
        "RestartPolicy": {"Name": asked["restart policy"]},
    }
    return asked["name"], asked["network"][0], update


def _facts(name: str, host_config: Mapping[str, Any], networks: list[str]) -> dict[str, Any]:
    """What can be changed of a container that is there, under names for people."""
    policy = (host_config.get("RestartPolicy") or {}).get("Name") or "no"
    cpu_tuning = [host_config.get(key) or 0 for key in ("CpuQuota", "CpuShares")]
    return {
        "name": name,
        "memory": [host_config["Memory"], host_config["MemorySwap"]],
        "cpus": [host_config["NanoCpus"], *cpu_tuning, host_config.get("CpusetCpus") or ""],
        "processes": host_config.get("PidsLimit"),
        "restart policy": policy,
        "network": networks,
    }


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


def prepare_directories(spec: InstanceSpec, user: str) -> None:
    """The state directory exists, and both belong to who the bot is inside; only root can give them away.

    The workspace, too, is private to its owner; from inside nobody writes to it, whoever that is. What was
    put into the state for a bot that never ran (an import) becomes the bot's.
    """
    spec.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    uid, _, gid = user.partition(":")
    owner = (int(uid), int(gid or uid))
    os.chown(spec.workspace, *owner)
    for folder, folders, files in os.walk(spec.state_dir):
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), *owner, follow_symlinks=False)  # noqa: PTH118 - many
