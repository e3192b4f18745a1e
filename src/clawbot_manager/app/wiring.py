"""The proxy on the data plane: the same in the whole program and in a process of its own."""

from clawbot_manager.control.dataplane.plane import DataPlane
from clawbot_manager.kit.clock import Clock
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.vendors.records import Catalog


def build_pipeline(plane: DataPlane, catalog: Catalog, config: ProxyConfig, clock: Clock) -> Pipeline:
    """The pipeline over these ports."""
    return Pipeline(
        tokens=plane.snapshots,
        keys=plane.keyring,
        inventory=plane.keyring,
        budgets=plane.budgets,
        usage=plane.usage,
        catalog=catalog,
        config=config,
        clock=clock,
    )
