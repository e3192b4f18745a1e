"""What keeps bots from the other ports of their host.

An internal network has no way out, but the host itself answers on it, on every address it has: whatever
listens on all addresses could be reached. A chain of our own, jumped to for all that comes in from the bots'
bridge, lets only the proxy answer.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Collection

_CALL_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 15.0


class Firewall:
    """The rules of one bridge. `problem` says why they are not in place, None when they are."""

    def __init__(self, bridge: str, ports: Collection[int], *, enabled: bool) -> None:
        self._bridge = bridge
        self._chain = f"CBM-{bridge}"
        self._ports = sorted(ports)
        self._enabled = enabled
        self._turn = asyncio.Lock()
        self._seen: tuple[str, float] | None = None  # the gateway, and until when not to look again
        self.problem: str | None = "they have not been looked at yet"

    async def ensure(self, gateway: str) -> None:
        """Put the rules in place when they are not. Looks at most every few seconds; never raises."""
        async with self._turn:  # who comes second must not go on before the rules are there
            if self._seen is not None and self._seen[0] == gateway and time.monotonic() < self._seen[1]:
                return
            self.problem = await self._put(gateway)
            self._seen = (gateway, time.monotonic() + _LOOK_AGAIN_SECONDS)

    async def _put(self, gateway: str) -> str | None:
        if problem := self._cannot():
            return problem
        try:
            await asyncio.to_thread(self._ensure, gateway)
        except (OSError, subprocess.SubprocessError) as error:
            return f"iptables failed ({_reason(error)})"
        return None

    async def remove(self) -> None:
        """Take the rules away, as far as they are there; those of a bridge that is gone do no harm."""
        if self._cannot() is None:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                await asyncio.to_thread(self._remove)

    def of_bridge(self, bridge: str) -> "Firewall":
        """The rules of another bridge, under the same settings."""
        return Firewall(bridge, self._ports, enabled=self._enabled)

    def remedy(self) -> str:
        """What root can type to close the ports by hand; nothing before the network is known."""
        if self._seen is None:
            return ""
        lines = [f"-N {self._chain}", *self.rules(self._seen[0]), " ".join(self._jump("-I"))]
        return " To set them by hand, as root: " + "; ".join(f"iptables {line}" for line in lines)

    def rules(self, gateway: str) -> list[str]:
        """The rules of the chain, as iptables lists them."""
        accepted = [
            f"-A {self._chain} -d {gateway}/32 -p tcp -m tcp --dport {port} -j ACCEPT" for port in self._ports
        ]
        return [
            f"-A {self._chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            *accepted,
            f"-A {self._chain} -j REJECT --reject-with icmp-port-unreachable",
        ]

    def _cannot(self) -> str | None:
        if not self._enabled:
            return "they are switched off (CLAWBOT_RUNTIME__FIREWALL)"
        if os.geteuid() != 0:
            return "ClawBotManager does not run as root"
        return None if shutil.which("iptables", path=_path()) else "iptables is not installed"

    def _jump(self, verb: str) -> list[str]:
        return [verb, "INPUT", "-i", self._bridge, "-j", self._chain]

    def _ensure(self, gateway: str) -> None:
        listed = _iptables("-S", self._chain, check=False)
        if listed.splitlines()[1:] != self.rules(gateway):
            # one transaction: at no time is the chain there without its last rule
            _restore(["*filter", f":{self._chain} - [0:0]", *self.rules(gateway), "COMMIT"])
        first = next((line for line in _iptables("-S", "INPUT").splitlines() if line.startswith("-A")), "")
        if first != " ".join(["-A", *self._jump("")[1:]]):
            _iptables(*self._jump("-I"))
            while _count(_iptables("-S", "INPUT"), self._chain) > 1:
                _iptables("-D", "INPUT", str(_last_line(_iptables("-S", "INPUT"), self._chain)))

    def _remove(self) -> None:
        while _count(_iptables("-S", "INPUT", check=False), self._chain):
            _iptables(*self._jump("-D"), check=False)
        _iptables("-F", self._chain, check=False)
        _iptables("-X", self._chain, check=False)


def _count(listed: str, chain: str) -> int:
    return sum(line.endswith(f"-j {chain}") for line in listed.splitlines())


def _last_line(listed: str, chain: str) -> int:
    rules = [line for line in listed.splitlines() if line.startswith("-A")]
    return max(number for number, line in enumerate(rules, 1) if line.endswith(f"-j {chain}"))


def _iptables(*arguments: str, check: bool = True) -> str:
    command = ["iptables", "-w", "5", *arguments]
    return _run(command, None, check=check)


def _restore(lines: list[str]) -> None:
    _run(["iptables-restore", "-w", "5", "--noflush"], "\n".join(lines) + "\n", check=True)


def _run(command: list[str], given: str | None, *, check: bool) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words and our own names
        command,
        input=given,
        check=check,
        capture_output=True,
        text=True,
        timeout=_CALL_SECONDS,
        env={"PATH": _path()},
    )
    return done.stdout


def _path() -> str:
    """With the folders where distributions put what is root's."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or "").strip().splitlines()[-1:][0][:200] if error.stderr else "no reason given"
    return type(error).__name__
