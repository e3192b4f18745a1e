"""Loads `catalog.toml`, the facts about the vendors, into typed records."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clawbot_manager.vendors.records import (
    AuthPlace,
    BalanceCheck,
    Catalog,
    Endpoint,
    ErrorRule,
    ErrorRules,
    KeyCheck,
    LimitHeaders,
    ModelIds,
    ModelsList,
    RedactionPattern,
    Vendor,
)

Table = Mapping[str, Any]

# Where OpenAI's error body has them, which most vendors imitate. Bodies without an outer `error` object and
# with a plain string are common enough among imitators to be tried next.
_TYPE_AT = ("error.type",)
_CODE_AT = ("error.code",)
_MESSAGE_AT = ("error.message", "error", "message", "detail")


@cache
def load_catalog() -> Catalog:
    """The catalogue that ships with the package. Read once; the records are immutable."""
    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    return parse_catalog(tomllib.loads(text))


def parse_catalog(data: Table) -> Catalog:
    """A catalogue from its decoded TOML.

    Raises:
        KeyError: a fact that every vendor must have is missing.
    """
    vendors = {vendor_id: _vendor(vendor_id, data["vendors"][vendor_id]) for vendor_id in data["vendor_ids"]}
    redaction = data["redaction"]
    return Catalog(
        vendors=MappingProxyType(vendors),
        redaction_patterns=tuple(
            RedactionPattern(vendor=one["vendor"], pattern=one["pattern"]) for one in redaction["patterns"]
        ),
        redaction_headers=tuple(redaction["headers"]),
        as_of=str(data["as_of"]),
    )


def _vendor(vendor_id: str, table: Table) -> Vendor:
    auth = table["auth"]
    streaming = table["streaming"]
    limits = table["rate_limit"]
    return Vendor(
        id=vendor_id,
        name=table["name"],
        category=table["category"],
        status=table["status"],
        auth=_place(auth),
        key_required=auth.get("required", True),
        needs_base_url=table.get("needs_base_url", False),
        endpoints=tuple(_endpoint(one) for one in table["endpoints"]),
        models=_models(table["models"]),
        key_check=_key_check(table["key_check"]),
        stream_usage=streaming["usage"],
        accepts_stream_options=streaming["accepts_stream_options"],
        errors=_errors(table["errors"]),
        model_ids=ModelIds(
            flagship=tuple(table["model_ids"]["flagship"]), cheap=tuple(table["model_ids"]["cheap"])
        ),
        required_headers=MappingProxyType(dict(table.get("required_headers", {}))),
        own_sdk_path_prefixes=tuple(table.get("own_sdk_path_prefixes", ())),
        auth_by_key_prefix=tuple((one["key_prefix"], _place(one)) for one in auth.get("by_key_prefix", ())),
        regional_base_urls=MappingProxyType(dict(table.get("regional_base_urls", {}))),
        host_suffixes=tuple(table.get("host_suffixes", ())),
        own_paths=frozenset(table.get("own_paths", ())),
        same_shape=MappingProxyType(dict(table.get("same_shape", {}))),
        sockets=MappingProxyType(dict(table.get("sockets", {}))),
        env_keys=tuple(table["env_keys"]),
        key_prefixes=tuple(table["keys"]["prefixes"]),
        key_pattern=table["keys"].get("pattern"),
        retry_headers=tuple(one.lower() for one in limits.get("retry_headers", ())),
        limits=_limits(limits),
        balance=_balance(table.get("balance", {})),
        request_id_header=limits.get("request_id_header"),
    )


def _place(table: Table) -> AuthPlace:
    return AuthPlace(header=table["header"], prefix=table["prefix"])


def _endpoint(table: Table) -> Endpoint:
    own_auth = None
    if "auth_header" in table:
        own_auth = AuthPlace(header=table["auth_header"], prefix=table["auth_prefix"])
    return Endpoint(
        dialect=table["dialect"],
        region=table["region"],
        base_url=table["base_url"],
        path=table["path"],
        plan=table.get("plan"),
        auth=own_auth,
        alias_base_urls=tuple(table.get("alias_base_urls", ())),
        alias_paths=tuple(table.get("alias_paths", ())),
        verified=table["verified"],
    )


def _models(table: Table) -> ModelsList:
    return ModelsList(
        url=table["url"],
        items_key=table["items_key"],
        id_key=table["id_key"],
        needs_key=table["needs_key"],
        id_prefix_to_strip=table.get("id_prefix_to_strip", ""),
    )


def _key_check(table: Table) -> KeyCheck:
    return KeyCheck(
        method=table["method"],
        url=table["url"],
        bad_key_status=tuple(table["bad_key_status"]),
        bad_key_body=tuple(table.get("bad_key_body", ())),
        ok_body=table.get("ok_body"),
        verified=table["verified"],
    )


def _limits(table: Table) -> tuple[LimitHeaders, ...]:
    """The pairs among the vendor's limit headers: their names differ in one word."""
    names = [one.lower() for one in table.get("headers", ())]
    pairs = ((name.replace("reset", "remaining"), name) for name in names if "reset" in name)
    return tuple(LimitHeaders(remaining, reset) for remaining, reset in pairs if remaining in names)


def _balance(table: Table) -> BalanceCheck | None:
    """Some vendors' balances are known, but not which of their fields says that requests will be served."""
    if "left_at" not in table:
        return None
    return BalanceCheck(method=table["method"], url=table["url"], left_at=table["left_at"])


def _errors(table: Table) -> ErrorRules:
    return ErrorRules(
        rules=tuple(ErrorRule(**rule) for rule in table["rules"]),
        type_at=_paths(table, "type_at", _TYPE_AT),
        code_at=_paths(table, "code_at", _CODE_AT),
        message_at=_paths(table, "message_at", _MESSAGE_AT),
        code_in_message=table.get("code_in_message"),
        numeric_code=table.get("numeric_code", False),
    )


def _paths(table: Table, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The vendor's own paths first, then the usual ones: its compatible endpoints use those."""
    given = table.get(name, ())
    own = (given,) if isinstance(given, str) else tuple(given)
    return tuple(dict.fromkeys(own + default))
