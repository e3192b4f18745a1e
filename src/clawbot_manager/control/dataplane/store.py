"""What the data plane reads from the database and writes to it, without an ORM (see docs/decisions/0007).

`sqlite_store.py` and `postgres_store.py` speak to the drivers. The tables are those of the domains' models;
tests hold the two together, column by column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from clawbot_manager.control.dataplane.news import KeyNews
from clawbot_manager.control.dataplane.usage_rows import Row


class StoreAwayError(Exception):
    """The database cannot be reached, is busy, or lacks a table: what failed may work later."""


class RowRefusedError(Exception):
    """The database will never take one of the rows."""


class TokenRow(NamedTuple):
    """A token that is not revoked. Ids are hexadecimal, times as in `usage_rows`."""

    token_hash: bytes
    token_id: str
    bot_id: str
    expires_at: str | None


class BotRow(NamedTuple):
    """A bot that is not deleted. `tags`, `providers` and `egress` are JSON: text, `BotProvider`s, hosts."""

    bot_id: str
    hostname: str
    owner_id: str
    tags: str
    providers: str
    egress: str | None = None


class KeyRow(NamedTuple):
    """A provider key that is enabled and not deleted, but for its state."""

    key_id: str
    owner_kind: str
    owner_id: str
    vendor: str
    label: str
    tag: str | None
    base_url: str | None
    api_type: str | None
    sealed_secret: str | None
    version: int


class StateRow(NamedTuple):
    """The state of a key that is not simply active."""

    key_id: str
    version: int
    health: str
    cooled_until: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the proxy looks up, as of one moment. `version` is that of `DataPlaneVersion`."""

    version: int
    tokens: list[TokenRow]
    bots: list[BotRow]
    keys: list[KeyRow]
    states: list[StateRow]


class Turned(NamedTuple):
    """A key that was retired or parked just now, by `news`: its owner should hear of it."""

    owner_id: str
    vendor: str
    label: str
    news: KeyNews


class StoredBatch(NamedTuple):
    """Records that a proxy has packed (see `batches`). `batch_id` is the id of the first one's row."""

    batch_id: str
    body: bytes


class Store(Protocol):
    """One connection to the database, opened when it is needed and again after a failure.

    For one thread at a time, but for `interrupt`. Every call blocks; each raises `StoreAwayError`.
    """

    def version(self) -> int:
        """The number that grows whenever what `read` gives has changed."""
        ...

    def read(self) -> Reading:
        """Tokens, bots and keys."""
        ...

    def write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], *, unpacked: str | None = None
    ) -> list[Turned]:
        """Store usage and news of keys, and forget the batch that the rows were `unpacked` from, in one
        transaction.

        A row whose id is there already is left as it is, so a batch may be written again. News are written as
        `news` says; when one changed a state, the version grows.

        Raises:
            RowRefusedError: nothing was written, because of one of the rows.
        """
        ...

    def write_batch(self, batch: StoredBatch, news: Sequence[KeyNews]) -> list[Turned]:
        """As `write`, the usage as a batch that somebody else makes rows of."""
        ...

    def next_batch(self, after: str) -> StoredBatch | None:
        """The oldest batch whose id is greater than this one ("" = of all)."""
        ...

    def interrupt(self) -> None:
        """Make the call that is under way fail soon. May be called from any thread."""
        ...

    def close(self) -> None:
        """Give back the connection. The store can be used again."""
        ...


def write_all(
    store: Store,
    rows: Sequence[Row],
    news: Sequence[KeyNews],
    refused: Callable[[Row], None],
    *,
    unpacked: str | None = None,
) -> list[Turned]:
    """Write; a row that the database will never take does not hold up the others: `refused` gets it.

    Raises:
        StoreAwayError: some may be written and some not. Write all of them again.
    """
    try:
        return store.write(rows, news, unpacked=unpacked)
    except RowRefusedError:
        turned = store.write((), news) if news else []
    if len(rows) == 1:
        refused(rows[0])
    else:
        middle = len(rows) // 2
        write_all(store, rows[:middle], (), refused)
        write_all(store, rows[middle:], (), refused)
    if unpacked is not None:
        store.write((), (), unpacked=unpacked)
    return turned


# The statements that both databases understand, but for the sign of a parameter: `?` or `%s`.

WRITE_BATCH = "INSERT INTO usage_batches (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING"

FORGET_BATCH = "DELETE FROM usage_batches WHERE id = ?"

VERSION = "SELECT version FROM data_plane_version WHERE id = 1"

RAISE_VERSION = "UPDATE data_plane_version SET version = version + 1 WHERE id = 1"

NOTE_USE = "UPDATE provider_keys SET last_used_at = ? WHERE id = ? AND version = ?"

_WRITE_STATE = (
    "UPDATE provider_keys SET health = ?, cooled_until = ?, state_reason = ?, state_detail = ?, "
    "next_check_at = ? WHERE id = ? AND version = ? AND deleted_at IS NULL"
)

TURN = f"{_WRITE_STATE} AND health IN (?, ?) RETURNING owner_id, vendor, label"
"""Last two parameters: the healths that are better than the one told."""

PROLONG = f"{_WRITE_STATE} AND health = ? AND (cooled_until IS NULL OR cooled_until < ?)"
"""Last two parameters: the health told, and until when it rests."""


def better_than(news: KeyNews) -> tuple[str, str]:
    """The last two parameters of `TURN`."""
    first, second, *_ = (*news.replaces, "", "")
    return first, second
