"""Telling every proxy, in this process and in others, that what they look up has changed."""

from sqlalchemy import update

from clawbot_manager.control.shared.events import BotTokensChanged, ProviderKeysChanged
from clawbot_manager.control.shared.models import DataPlaneVersion
from clawbot_manager.infra.db.database import Transaction


async def tell_data_plane(
    tx: Transaction, happened: BotTokensChanged | ProviderKeysChanged | None = None
) -> None:
    """Publish the event after the commit, and raise the version that proxies elsewhere ask for.

    Without an event: this process knows already. Call it last in a transaction: the one row of the version is
    locked until the commit.
    """
    await tx.execute(update(DataPlaneVersion).values(version=DataPlaneVersion.version + 1))
    if happened is not None:
        tx.tell(happened)
