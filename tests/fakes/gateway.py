"""The gateway of bots that are not there: ready, or not, as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator

from clawbot_manager.control.bots.errors import BotUnreachableError
from clawbot_manager.control.bots.gateway import GatewayClient


class FakeGateway(GatewayClient):
    """Every bot is ready unless `problem` says why not, and answers unless `refusal` says why not."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: str | None = None
        self.refusal: str | None = None
        self.asked: list[str] = []

    async def ready(self, endpoint: str, operator_token: str) -> str | None:
        return self.problem

    async def chat(
        self, endpoint: str, operator_token: str, *, message: str, conversation: str, trace_id: str
    ) -> AsyncIterator[bytes]:
        if self.refusal:
            raise BotUnreachableError(f"The bot refused: {self.refusal}", params={"status": 401})
        self.asked.append(message)
        return self._answer()

    async def _answer(self) -> AsyncIterator[bytes]:
        yield b'data: {"choices":[{"delta":{"content":"ready"}}]}\n\ndata: [DONE]\n\n'
