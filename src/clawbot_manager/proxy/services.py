"""What every exchange needs, in one value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.ports import Budgets, KeyInventory, KeyRing, UsageSink


@dataclass(frozen=True, slots=True)
class Services:
    """The ports of the proxy, its configuration and its clocks; one for all requests."""

    keys: KeyRing
    budgets: Budgets
    usage: UsageSink
    config: ProxyConfig
    inventory: KeyInventory | None
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
