"""Proxy tokens of bots: that of the instance, and named ones for their owners' clients."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.control.bots.schemas import BotTokenIn
from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged
from clawbot_manager.infra.crypto.tokens import TokenHasher, hint_of
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import NotFoundError
from clawbot_manager.kit.ids import uuid7

PROXY_TOKEN_PREFIX = "cbm_bot"  # noqa: S105 - a prefix, not a token


class BotTokens:
    """Makes and revokes them."""

    def __init__(self, hasher: TokenHasher, clock: Clock) -> None:
        self._hasher = hasher
        self._clock = clock

    async def add(self, tx: Transaction, caller: Caller, bot: Bot, given: BotTokenIn) -> tuple[BotToken, str]:
        """A named proxy token for the owner's own client; the text is returned this once."""
        ends = self._clock.now() + timedelta(days=given.expires_in_days) if given.expires_in_days else None
        token, plain = new_token(self._hasher, bot.id, "client", given.name, self._clock)
        token.expires_at = ends
        tx.add(token)
        await tx.flush()
        acted(tx, caller, "CREATE", "bot_token", token.id, f"{bot.hostname}/{token.name}")
        await tell_data_plane(tx, BotTokensChanged(bot.id))
        return token, plain

    async def revoke(self, tx: Transaction, caller: Caller, bot: Bot, token_id: UUID) -> None:
        """Revoke a proxy token; it stops at once.

        Raises:
            NotFoundError: it is not one of this bot's.
        """
        token = next((one for one in await repository.tokens(tx, bot.id) if one.id == token_id), None)
        if token is None:
            raise NotFoundError("There is no such token of this bot.")
        token.revoked_at = self._clock.now()
        acted(tx, caller, "DELETE", "bot_token", token.id, f"{bot.hostname}/{token.name}")
        await tell_data_plane(tx, BotTokensChanged(bot.id))


def new_token(
    hasher: TokenHasher, bot_id: UUID, kind: Literal["instance", "client"], name: str, clock: Clock
) -> tuple[BotToken, str]:
    """A fresh proxy token's row, not yet added, and its text."""
    plain = hasher.new_token(PROXY_TOKEN_PREFIX)
    token = BotToken(
        id=uuid7(),
        bot_id=bot_id,
        kind=kind,
        name=name,
        token_hash=hasher.hash(plain),
        hint=hint_of(plain),
        created_at=clock.now(),
    )
    return token, plain
