"""The gateway of bots that are not there: ready, or not, as the test says."""

from __future__ import annotations

from clawbot_manager.control.bots.gateway import GatewayClient


class FakeGateway(GatewayClient):
    """Every bot is ready unless `problem` says why not."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: str | None = None

    async def ready(self, endpoint: str, operator_token: str) -> str | None:
        return self.problem
