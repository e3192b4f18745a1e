"""Routes of provider keys and of the vendor catalogue."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.shared.edge import (
    LIMIT,
    SIGNED_IN,
    Cursor,
    Limit,
    ReadTx,
    WriteTx,
    problems,
    service,
)
from clawbot_manager.control.shared.schemas import PageOut
from clawbot_manager.control.vault.schemas import (
    EndpointOut,
    KeyCheckOut,
    KeyHealthOut,
    ModelsOut,
    ProviderKeyIn,
    ProviderKeyOut,
    ProviderKeyPatch,
    VendorOut,
)
from clawbot_manager.control.vault.service import VaultService
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.records import Vendor

router = APIRouter(responses=SIGNED_IN)

Vault = Annotated[VaultService, Depends(service(VaultService))]


def _vendor_out(vendor: Vendor) -> VendorOut:
    return VendorOut(
        id=vendor.id,
        name=vendor.name,
        category=vendor.category,
        needs_base_url=vendor.needs_base_url,
        key_required=vendor.key_required,
        default_dialect=vendor.main_dialect,
        endpoints=[
            EndpointOut(dialect=one.dialect, region=one.region, plan=one.plan, base_url=one.base_url)
            for one in vendor.endpoints
        ],
        key_prefixes=list(vendor.key_prefixes),
        suggested_models=[*vendor.model_ids.flagship, *vendor.model_ids.cheap],
    )


@router.get("/api/vendor", tags=["provider key"])
async def list_vendors(_caller: SignedInCaller) -> list[VendorOut]:
    """The vendors that this installation knows."""
    return [_vendor_out(vendor) for vendor in load_catalog().vendors.values()]


@router.get("/api/provider-key", tags=["provider key"])
async def list_provider_keys(
    caller: SignedInCaller, tx: ReadTx, vault: Vault, cursor: Cursor = None, limit: Limit = LIMIT
) -> PageOut[ProviderKeyOut]:
    """The caller's keys, newest first, without their secrets."""
    return PageOut[ProviderKeyOut].model_validate(await vault.page(tx, caller, cursor, limit))


@router.get("/api/provider-key/health", tags=["provider key"])
async def provider_key_health(caller: SignedInCaller, tx: ReadTx, vault: Vault) -> KeyHealthOut:
    """How many keys are in which state, and each key's own, the worst first."""
    return await vault.health(tx, caller)


@router.post("/api/provider-key", status_code=201, tags=["provider key"], responses=problems(409))
async def create_provider_key(
    caller: SignedInCaller, given: ProviderKeyIn, tx: WriteTx, vault: Vault
) -> ProviderKeyOut:
    """Store a key. Its secret is encrypted and never given back."""
    return (await vault.show(tx, caller, [await vault.create(tx, caller, given)]))[0]


@router.get("/api/provider-key/{key_id}", tags=["provider key"], responses=problems(404))
async def get_provider_key(caller: SignedInCaller, key_id: UUID, tx: ReadTx, vault: Vault) -> ProviderKeyOut:
    """One key, without its secret."""
    return (await vault.show(tx, caller, [await vault.get(tx, caller, key_id)]))[0]


@router.patch("/api/provider-key/{key_id}", tags=["provider key"], responses=problems(404, 409))
async def update_provider_key(
    caller: SignedInCaller, key_id: UUID, patch: ProviderKeyPatch, tx: WriteTx, vault: Vault
) -> ProviderKeyOut:
    """Change a key in place; `secret` replaces the stored one."""
    return (await vault.show(tx, caller, [await vault.update(tx, caller, key_id, patch)]))[0]


@router.delete("/api/provider-key/{key_id}", status_code=204, tags=["provider key"], responses=problems(404))
async def delete_provider_key(caller: SignedInCaller, key_id: UUID, tx: WriteTx, vault: Vault) -> None:
    """Remove a key and wipe its secret. `used_by` of the key says which bots it will be missing to."""
    await vault.delete(tx, caller, key_id)


@router.post("/api/provider-key/{key_id}/verify", tags=["provider key"], responses=problems(404))
async def verify_provider_key(caller: SignedInCaller, key_id: UUID, vault: Vault) -> KeyCheckOut:
    """Ask the vendor whether it takes the key, with a request that costs nothing."""
    return await vault.verify(caller, key_id)


@router.get("/api/provider-key/{key_id}/models", tags=["provider key"], responses=problems(404))
async def list_key_models(caller: SignedInCaller, key_id: UUID, vault: Vault) -> ModelsOut:
    """The models that the vendor lists for this key, else those of the catalogue."""
    return await vault.models(caller, key_id)
