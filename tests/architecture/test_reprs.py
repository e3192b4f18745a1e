"""Nothing that carries a secret shows it when it is printed: in a log, an error, or a debugger."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel

import clawbot_manager
from clawbot_manager.control.dataplane.snapshot import Snapshot
from clawbot_manager.proxy.masking import Secret
from clawbot_manager.proxy.messages import (
    Answer,
    Headers,
    Origin,
    Prepared,
    Relay,
    RequestHead,
    UpstreamRequest,
)
from clawbot_manager.proxy.ports import ProviderKey
from clawbot_manager.settings.secrets import InstallationSecrets

# Names of what is secret, or holds prompts, answers or credentials; counts of tokens and the like are not.
_SECRET = re.compile(r"(^|_)(secret|password|passphrase|token|api_key|master_keys|authorization|cookie)$")
_PRIVATE = re.compile(r"^(body|query|block)$")
_SEALED = {"sealed_secret"}
CANARY = "canary-0123456789-secret"


def _classes() -> Iterator[type[Any]]:
    for module in pkgutil.walk_packages(clawbot_manager.__path__, "clawbot_manager."):
        if module.name.endswith("__main__") or ".migrations" in module.name:
            continue
        for _, one in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if one.__module__ == module.name:
                yield one


def _shown(one: type[Any]) -> list[tuple[str, Any]]:
    """Name and type of the fields that a generated `repr` tells."""
    if "__repr__" in vars(one) and not dataclasses.is_dataclass(one) and not hasattr(one, "_fields"):
        return []
    if dataclasses.is_dataclass(one):
        return [(field.name, field.type) for field in dataclasses.fields(one) if field.repr]
    if issubclass(one, BaseModel):
        return [(name, field.annotation) for name, field in one.model_fields.items() if field.repr]
    if issubclass(one, msgspec.Struct):
        return [(name, None) for name in one.__struct_fields__]
    if issubclass(one, tuple) and hasattr(one, "_fields"):
        own = inspect.getsource(one)
        return [] if "def __repr__" in own else [(name, None) for name in one._fields]
    return []


def test_no_generated_repr_shows_a_secret() -> None:
    seen = 0
    bad = []
    for one in _classes():
        for name, kind in _shown(one):
            seen += 1
            hidden = "Secret" in str(kind) or kind is bool or name in _SEALED
            private = _PRIVATE.search(name) and one.__module__.startswith("clawbot_manager.proxy")
            if (_SECRET.search(name) and not hidden) or private:
                bad.append(f"{one.__module__}.{one.__qualname__}.{name}")
    assert bad == []
    assert seen > 300


def _prepared() -> Prepared:
    fields: dict[str, Any] = {
        "method": "POST",
        "origin": Origin("https", "h", 443),
        "netloc": "h",
        "target": f"/x?key={CANARY}",
        "headers": [(b"authorization", CANARY.encode())],
        "block": CANARY.encode(),
        "secret": Secret(CANARY),
        "key_line": b"",
    }
    others = {field.name: None for field in dataclasses.fields(Prepared)}
    return Prepared(**{**others, **fields})


def _key() -> ProviderKey:
    return ProviderKey(UUID(int=1), UUID(int=2), "openai", "label", CANARY)


HEADERS: Headers = [(b"authorization", CANARY.encode())]
HOLDERS: list[Any] = [
    _key(),
    [_key()],
    Secret(CANARY),
    _prepared(),
    UpstreamRequest(_prepared(), CANARY.encode(), b""),
    Relay(200, True, b"", Secret(CANARY), first=CANARY.encode()),
    Answer(200, [], CANARY.encode()),
    RequestHead("GET", "/x", f"key={CANARY}", HEADERS),
    InstallationSecrets({1: CANARY.encode()}, CANARY, CANARY, CANARY),
    Snapshot(tokens={CANARY.encode(): None}, keys={"k": [_key()]}),  # type: ignore[dict-item]
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_holders_of_secrets(holder: Any) -> None:
    assert CANARY not in repr(holder)
    assert CANARY not in str(holder)
    assert CANARY not in repr(ValueError(holder))
    assert CANARY.encode().hex() not in repr(holder)
