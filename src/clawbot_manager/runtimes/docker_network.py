"""The bots' network: internal, closed between bots, and with rules for the host's side of it."""

import hashlib
from collections.abc import Collection
from typing import Any

import aiodocker
from aiodocker.exceptions import DockerError

from clawbot_manager.runtimes.base import InstanceFailedError, Isolation
from clawbot_manager.runtimes.docker_calls import unless
from clawbot_manager.runtimes.docker_firewall import Firewall
from clawbot_manager.runtimes.docker_spec import LABEL

_NO_ICC = {"com.docker.network.bridge.enable_icc": "false"}
_BRIDGE = "com.docker.network.bridge.name"
_PREFIX = "cbm-"


class BotNetwork:
    """One network of one installation. `bridge` is its interface on the host."""

    def __init__(self, name: str, label: str, ports: Collection[int], *, firewall: bool) -> None:
        self.name = name
        self._label = label
        self.bridge = f"{_PREFIX}{hashlib.sha256(f'{label}/{name}'.encode()).hexdigest()[:8]}"
        self.firewall = Firewall(self.bridge, ports, enabled=firewall)

    @property
    def isolation(self) -> Isolation:
        """What is known of it now."""
        problem = self.firewall.problem
        if problem is None:
            return Isolation(isolated=True, warning=None)
        return Isolation(
            isolated=True,
            warning="Bots have no way out of their network, but services of this host that listen on all "
            f"addresses can be reached from it: the firewall rules are not in place, for {problem}."
            f"{self.firewall.remedy()}",
        )

    async def ensure(self, engine: aiodocker.Docker) -> str:
        """Make the network when it is missing or wrong; its gateway address, where the proxy must listen.

        Raises:
            InstanceFailedError: it is wrong, and something uses it.
        """
        found = await self._find(engine)
        if found is not None and (wrong := self._wrong(found)):
            await self._discard(engine, found, wrong)
            found = None
        if found is None:
            with unless(409):  # another manager made it
                await engine.networks.create(self._config())
            found = await self._find(engine)
        gateway = next(
            (
                str(pool["Gateway"])
                for pool in ((found or {}).get("IPAM") or {}).get("Config") or []
                if pool.get("Gateway")
            ),
            None,
        )
        if gateway is None:
            raise InstanceFailedError(f"the network {self.name} has no gateway address")
        gateway = gateway.partition("/")[0]
        await self.firewall.ensure(gateway)
        return gateway

    async def rejoin(self, engine: aiodocker.Docker, container_id: str) -> None:
        """Let a container forget an earlier network of this name and be on the present one."""
        network = await engine.networks.get(self.name)
        with unless(403, 404, 500):  # it is on none
            await network.disconnect({"Container": container_id, "Force": True})
        await network.connect({"Container": container_id})

    async def remove_old(self, engine: aiodocker.Docker, network_id: str) -> None:
        """Remove a network that this one replaced, and then the rules of its bridge."""
        network = await engine.networks.get(network_id)
        bridge = str(((await network.show()).get("Options") or {}).get(_BRIDGE, ""))
        await network.delete()
        if bridge.startswith(_PREFIX):
            await self.firewall.of_bridge(bridge).remove()

    async def _find(self, engine: aiodocker.Docker) -> dict[str, Any] | None:
        try:
            return dict(await (await engine.networks.get(self.name)).show())
        except DockerError as error:
            if error.status != 404:
                raise
            return None

    def _wrong(self, found: dict[str, Any]) -> str | None:
        options = found.get("Options") or {}
        if not found.get("Internal"):
            return "it is not internal: bots would reach the internet past the proxy"
        if any(options.get(name) != value for name, value in _NO_ICC.items()):
            return "bots would reach each other on it"
        if found.get("EnableIPv6"):
            return "it has IPv6, for which there are no firewall rules"
        return None if options.get(_BRIDGE) == self.bridge else "its bridge has another name"

    async def _discard(self, engine: aiodocker.Docker, found: dict[str, Any], wrong: str) -> None:
        if found.get("Containers"):
            raise InstanceFailedError(
                f"the network {self.name} cannot be used, for {wrong}. Stop what is on it and remove it, "
                f"then it is made anew as it must be"
            )
        with unless(404):
            await (await engine.networks.get(self.name)).delete()

    def _config(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "Driver": "bridge",
            "Internal": True,
            "EnableIPv6": False,
            "CheckDuplicate": True,
            "Options": {**_NO_ICC, _BRIDGE: self.bridge},
            "Labels": {f"{LABEL}.managed": "true", f"{LABEL}.instance": self._label},
        }
