"""How a key's state changes, but for what the proxies learn: by its owner's hand, and by free checks.

What makes a key better begins a new version of it, so that no news of before falls on it (see
`dataplane.news`).
"""

from datetime import timedelta

from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import (
    ProviderKeyParked,
    ProviderKeyRetired,
    ProviderKeyRevived,
    ProviderKeysChanged,
)
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.control.vault.schemas import KeyCheckOut
from clawbot_manager.infra.db import Transaction

_PARKED_FOR = timedelta(hours=1)
_NEXT_CHECK = timedelta(minutes=1)


def renew(key: ProviderKey) -> None:
    """A new secret or address: nothing that was known of the old one holds."""
    key.version += 1
    key.health = "active"
    key.state_reason = key.state_detail = None
    key.cooled_until = key.next_check_at = None


async def revive(tx: Transaction, key: ProviderKey) -> None:
    """It works again; its owner is told."""
    was = key.health
    renew(key)
    tx.tell(ProviderKeyRevived(key.owner_id, key.id, key.vendor, key.label, was))
    await tell_data_plane(tx, ProviderKeysChanged(key.owner_id))


def tell_owner(tx: Transaction, key: ProviderKey) -> None:
    """It was retired or parked: tell so after the commit."""
    facts = (key.owner_id, key.id, key.vendor, key.label, key.state_reason or "", key.state_detail or "")
    if key.health == "failed":
        tx.tell(ProviderKeyRetired(*facts))
    elif key.health == "parked" and key.cooled_until is not None:
        tx.tell(ProviderKeyParked(*facts, until=key.cooled_until))


async def settle(tx: Transaction, key: ProviderKey, check: KeyCheckOut, *, version: int, asked: bool) -> None:
    """Keep what a free check of this version said. `key` is locked.

    A check that tells nothing leaves the state as it was, and so does one of an older version. Money that
    the vendor says nothing about is taken to be there again when the owner `asked`: the next use will tell.
    """
    if key.version != version:
        return
    key.last_checked_at = check.checked_at
    if check.result == "bad_key" and key.health != "failed":
        key.health, key.cooled_until = "failed", None
        _explain(key, "bad_key", check)
    elif check.result == "empty" and key.health == "failed":
        key.version += 1
        key.health, key.cooled_until = "parked", check.checked_at + _PARKED_FOR
        _explain(key, "quota_exhausted", check)
    elif check.result == "ok" and (
        key.health == "failed" or (key.health == "parked" and (check.has_money or asked))
    ):
        await revive(tx, key)
        return
    else:
        return
    tell_owner(tx, key)
    await tell_data_plane(tx, ProviderKeysChanged(key.owner_id))


def _explain(key: ProviderKey, reason: str, check: KeyCheckOut) -> None:
    key.state_reason, key.state_detail = reason, check.detail[:500]
    key.next_check_at = check.checked_at + _NEXT_CHECK
