"""Provider keys: validated, sealed, listed without their secrets, checked for free."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import ProviderKeysChanged
from clawbot_manager.control.vault import repository, states
from clawbot_manager.control.vault.errors import (
    BadBaseUrlError,
    KeyNotFoundError,
    LabelTakenError,
    SecretRequiredError,
    UnknownVendorError,
)
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.control.vault.schemas import (
    KeyCheckOut,
    KeyHealthItem,
    KeyHealthOut,
    KeyState,
    ModelsOut,
    ProviderKeyIn,
    ProviderKeyOut,
    ProviderKeyPatch,
)
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher, hint_of
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.kit.paging import Page
from clawbot_manager.vendors.records import Catalog, Vendor
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL


class KeyProber(Protocol):
    """Asks a vendor about a key for free. It opens secrets, so the data plane implements it."""

    async def check(self, key: ProviderKey) -> KeyCheckOut:
        """Whether the vendor takes the key."""
        ...

    async def models(self, key: ProviderKey) -> ModelsOut:
        """The models that the vendor lists for the key, else those of the catalogue."""
        ...


BaseUrlRule = Callable[[str], str | None]
UsersOfKeys = Callable[[Transaction, Caller, Sequence[ProviderKey]], Awaitable[dict[UUID, list[str]]]]


class VaultService:
    """Keeps provider keys.

    `base_url_problem` says what is wrong with a base URL, None when nothing is. `users_of_keys` names the
    bots that use each key.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        box: SecretBox,
        hasher: TokenHasher,
        clock: Clock,
        prober: KeyProber,
        *,
        base_url_problem: BaseUrlRule,
        users_of_keys: UsersOfKeys,
        simulator_enabled: bool,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._box = box
        self._hasher = hasher
        self._clock = clock
        self._prober = prober
        self._base_url_problem = base_url_problem
        self._users_of_keys = users_of_keys
        self._simulator_enabled = simulator_enabled

    async def show(
        self, tx: Transaction, caller: Caller, keys: Sequence[ProviderKey]
    ) -> list[ProviderKeyOut]:
        """The keys as the API shows them."""
        users = await self._users_of_keys(tx, caller, keys)
        now = self._clock.now()
        return [
            ProviderKeyOut(
                **{name: getattr(key, name) for name in _SHOWN},
                **_state(key, now),
                is_simulated=key.base_url == SIMULATED_BASE_URL,
                used_by=users.get(key.id, []),
            )
            for key in keys
        ]

    async def page(
        self, tx: Transaction, caller: Caller, cursor: str | None, limit: int
    ) -> Page[ProviderKeyOut]:
        """The caller's keys, newest first."""
        found = await repository.page(tx, caller, cursor, limit)
        return Page(await self.show(tx, caller, found.items), found.next_cursor)

    async def get(
        self, tx: Transaction, caller: Caller, key_id: UUID, *, for_update: bool = False
    ) -> ProviderKey:
        """One key of the caller's; `for_update`: locked until the transaction ends.

        Raises:
            KeyNotFoundError: there is none, or it is somebody else's.
        """
        key = await repository.find(tx, caller, key_id, for_update=for_update)
        if key is None:
            raise KeyNotFoundError("There is no such provider key.")
        return key

    async def create(self, tx: Transaction, caller: Caller, given: ProviderKeyIn) -> ProviderKey:
        """Store a new key.

        Raises:
            UnknownVendorError, BadBaseUrlError, SecretRequiredError, LabelTakenError.
        """
        vendor = self._vendor(given.vendor)
        now = self._clock.now()
        key = ProviderKey(
            id=uuid7(),
            owner_kind="user",
            owner_id=caller.user_id,
            vendor=vendor.id,
            **given.model_dump(include={"label", "tag", "api_type", "enabled", "notes"}),
            base_url=self._base_url(vendor, given.base_url),
            created_at=now,
            updated_at=now,
        )
        if given.secret is not None:
            self._put_secret(key, given.secret)
        elif vendor.key_required:
            raise SecretRequiredError(f"Give the API key of {vendor.name}.", field="secret")
        tx.add(key)
        await self._flush(tx, caller)
        acted(tx, caller, "CREATE", "provider_key", key.id, key.label, detail=key.vendor)
        return key

    async def update(
        self, tx: Transaction, caller: Caller, key_id: UUID, patch: ProviderKeyPatch
    ) -> ProviderKey:
        """Change a key in place; a new secret or address makes a failed or resting key active again.

        Raises:
            KeyNotFoundError, BadBaseUrlError, LabelTakenError.
        """
        key = await self.get(tx, caller, key_id, for_update=True)
        vendor = self._vendor(key.vendor)
        changes: dict[str, Any] = patch.model_dump(exclude_unset=True, exclude={"secret"})
        for name in ("label", "enabled", "notes"):
            if changes.get(name, ...) is None:
                del changes[name]
        if "base_url" in changes:
            changes["base_url"] = self._base_url(vendor, changes["base_url"])
            moved = _origin(changes["base_url"]) != _origin(key.base_url)
            if moved and key.sealed_secret is not None and patch.secret is None:
                raise SecretRequiredError(
                    "Give the secret again: a stored one is not sent to another address.", field="secret"
                )
        renewed = patch.secret is not None or any(
            changes.get(name, getattr(key, name)) != getattr(key, name) for name in ("base_url", "api_type")
        )
        for name, value in changes.items():
            setattr(key, name, value)
        if patch.secret is not None:
            self._put_secret(key, patch.secret)
        if renewed:
            states.renew(key)
        key.updated_at = self._clock.now()
        await self._flush(tx, caller)
        acted(tx, caller, "UPDATE", "provider_key", key.id, key.label, fields=patch.model_fields_set)
        return key

    async def delete(self, tx: Transaction, caller: Caller, key_id: UUID) -> None:
        """Remove a key and wipe its secret.

        Raises:
            KeyNotFoundError.
        """
        key = await self.get(tx, caller, key_id, for_update=True)
        key.sealed_secret = key.fingerprint = None
        key.deleted_at = key.updated_at = self._clock.now()
        acted(tx, caller, "DELETE", "provider_key", key.id, key.label)
        await tell_data_plane(tx, ProviderKeysChanged(caller.user_id))

    async def verify(self, caller: Caller, key_id: UUID) -> KeyCheckOut:
        """Ask the vendor whether it takes the key, and keep the result.

        Raises:
            KeyNotFoundError.
        """
        async with self._database.reading() as tx:
            key = await self.get(tx, caller, key_id)
        result = await self._prober.check(key)
        async with self._database.transaction() as tx:
            current = await self.get(tx, caller, key_id, for_update=True)
            await states.settle(tx, current, result, version=key.version, asked=True)
        return result

    async def models(self, caller: Caller, key_id: UUID) -> ModelsOut:
        """The models this key can use.

        Raises:
            KeyNotFoundError.
        """
        async with self._database.reading() as tx:
            key = await self.get(tx, caller, key_id)
        return await self._prober.models(key)

    async def health(self, tx: Transaction, caller: Caller) -> KeyHealthOut:
        """The states of the caller's keys, the worst first."""
        now = self._clock.now()
        keys = [
            KeyHealthItem(**{name: getattr(key, name) for name in _SHOWN_OF_HEALTH}, **_state(key, now))
            for key in await repository.all_of(tx, caller)
        ]
        keys.sort(key=lambda key: (_WORST_FIRST.index(key.state), key.label))
        counts = {state: sum(key.state == state for key in keys) for state in _WORST_FIRST}
        return KeyHealthOut(total=len(keys), **counts, keys=keys)

    def _vendor(self, vendor_id: str) -> Vendor:
        vendor = self._catalog.get(vendor_id)
        if vendor is None:
            raise UnknownVendorError(
                f"{vendor_id!r} is not a vendor. Use one of: {', '.join(self._catalog.ids)}.", field="vendor"
            )
        return vendor

    def _base_url(self, vendor: Vendor, url: str | None) -> str | None:
        if url is None:
            if vendor.needs_base_url:
                raise BadBaseUrlError(f"{vendor.name} needs a base URL.", field="base_url")
            return None
        if url == SIMULATED_BASE_URL:
            if self._simulator_enabled and vendor.id == "custom":
                return url
            raise BadBaseUrlError(
                "The simulated provider is for the vendor `custom`, and is off in production.",
                field="base_url",
            )
        if (problem := self._base_url_problem(url)) is not None:
            raise BadBaseUrlError(problem, field="base_url")
        return url.rstrip("/")

    def _put_secret(self, key: ProviderKey, secret: SecretStr) -> None:
        text = secret.get_secret_value().strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise SecretRequiredError("A key is one line of ASCII without spaces.", field="secret")
        key.sealed_secret = self._box.seal(text, context=key.seal_context)
        key.hint = hint_of(text)
        key.fingerprint = self._hasher.fingerprint(text, owner=key.owner_id)

    async def _flush(self, tx: Transaction, caller: Caller) -> None:
        try:
            await tx.flush()
        except IntegrityError as error:
            raise LabelTakenError(
                "You have a key with this label. Choose another one.", field="label"
            ) from error
        await tell_data_plane(tx, ProviderKeysChanged(caller.user_id))


def _origin(url: str | None) -> tuple[str, str] | None:
    """Scheme and host with port; None is the vendor's own address."""
    return None if url is None else urlsplit(url)[:2]


def _state(key: ProviderKey, now: datetime) -> dict[str, Any]:
    """The state to show. What explains a rest is nothing any more once the rest is over."""
    state = key.state_at(now)
    explained = state in ("cooling", "parked") or key.health == "failed"
    rests = explained and key.cooled_until is not None and key.cooled_until > now
    return {
        "state": state,
        "state_reason": key.state_reason if explained else None,
        "state_detail": key.state_detail if explained else None,
        "cooled_until": key.cooled_until if rests else None,
        "next_check_at": key.next_check_at if explained and key.enabled else None,
    }


_WORST_FIRST: tuple[KeyState, ...] = ("failed", "parked", "cooling", "active", "disabled")
_SHOWN_OF_HEALTH = ("id", "vendor", "label", "last_checked_at", "last_used_at")
_SHOWN = (
    "id",
    "owner",
    "vendor",
    "label",
    "tag",
    "base_url",
    "api_type",
    "enabled",
    "notes",
    "hint",
    "fingerprint",
    "last_used_at",
    "last_checked_at",
    "created_at",
    "updated_at",
)
