"""Answers of the API, built by its own schemas, so that they cannot drift from the contract."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from clawbot_manager.control.access.schemas import ApiTokenCreated
from clawbot_manager.control.accounts.schemas import SessionOut, UserOut
from clawbot_manager.control.bots.schemas import (
    BotLimits,
    BotOut,
    BotProvider,
    BotStatus,
    BotTokenCreated,
    BotTokenOut,
    Features,
    Persona,
)
from clawbot_manager.control.personas.schemas import PersonaTemplateOut
from clawbot_manager.control.shared.schemas import OwnerOut, Schema
from clawbot_manager.control.usage.schemas import AttemptOut, UsageOut, UsageSummary, UsageTotals
from clawbot_manager.control.vault.schemas import (
    EndpointOut,
    KeyCheckOut,
    KeyHealthItem,
    KeyHealthOut,
    ProviderKeyOut,
    VendorOut,
)

NOW = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)
OWNER = OwnerOut(kind="user", id=UUID(int=1))
KEY_ID = str(UUID(int=0xA))
TOKEN_ID = str(UUID(int=0xB))
TEMPLATE_ID = str(UUID(int=0xC))
BOT_TOKEN = "cbt_shown-once-0123456789"


def _json(value: Schema) -> dict[str, Any]:
    return value.model_dump(mode="json")


def user() -> dict[str, Any]:
    return _json(
        UserOut(
            id=UUID(int=1),
            email="ada@example.com",
            nickname="Ada",
            role="admin",
            locale="zh-CN",
            created_at=NOW,
        )
    )


def session(access_token: str) -> dict[str, Any]:
    return _json(SessionOut(access_token=access_token, expires_in=900, user=UserOut.model_validate(user())))


def api_token(token: str) -> dict[str, Any]:
    return _json(
        ApiTokenCreated(
            id=UUID(TOKEN_ID),
            name="cli@here",
            hint="…wxyz",
            created_at=NOW,
            expires_at=None,
            last_used_at=None,
            token=token,
        )
    )


def bot(hostname: str = "helper", state: Any = "running", **changes: Any) -> dict[str, Any]:
    status = BotStatus(
        state=state,
        desired=changes.pop("desired", "running"),
        health="healthy",
        detail=changes.pop("detail", None),
        code=None,
        observed_at=changes.pop("observed_at", NOW),
    )
    values: dict[str, Any] = {
        "id": UUID(int=2),
        "owner": OWNER,
        "name": "Helper",
        "hostname": hostname,
        "emoji": "🤖",
        "status": status,
        "vendors": ["openai"],
        "primary_model": "gpt-5-mini",
        "is_simulated": False,
        "created_at": NOW,
        "providers": [BotProvider(vendor="openai", models=["gpt-5-mini", "gpt-5"])],
        "persona": Persona(name="Helper", soul_markdown="Be kind."),
        "features": Features(),
        "tags": ["team"],
        "agent": "openclaw",
        "limits": BotLimits(),
        "egress": [],
        "image": "clawbot-manager/openclaw:1",
        "upgrade": None,
        "is_upgrading": False,
        "is_restoring": False,
        "is_pending_restart": False,
        "proved_at": NOW,
        "port": 9200,
        "runtime": "docker",
        "isolation_warning": None,
        "started_at": None,
        "updated_at": NOW,
    }
    return _json(BotOut(**(values | changes)))


def bot_token(name: str = "laptop", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"id": UUID(TOKEN_ID), "name": name, "kind": "client", "hint": "…6789"}
    return _json(BotTokenOut(**(values | {"created_at": NOW, "expires_at": None} | changes)))


def bot_token_created() -> dict[str, Any]:
    urls = {"openai": "http://127.0.0.1:7100/api/v1/openai/v1"}
    return _json(BotTokenCreated(**bot_token(), token=BOT_TOKEN, base_urls=urls))


def key(label: str = "main", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": UUID(KEY_ID),
        "owner": OWNER,
        "vendor": "openai",
        "label": label,
        "tag": None,
        "base_url": None,
        "api_type": None,
        "enabled": True,
        "notes": "",
        "hint": "sk-…x7Qf",
        "fingerprint": "f00d",
        "state": "active",
        "state_reason": None,
        "state_detail": None,
        "cooled_until": None,
        "next_check_at": None,
        "is_simulated": False,
        "last_used_at": None,
        "last_checked_at": None,
        "created_at": NOW,
        "updated_at": NOW,
        "used_by": ["helper"],
    }
    return _json(ProviderKeyOut(**(values | changes)))


def key_check(result: Any = "ok", detail: str = "The key works.") -> dict[str, Any]:
    return _json(KeyCheckOut(result=result, has_money=None, detail=detail, latency_ms=42, checked_at=NOW))


def key_health(*keys: dict[str, Any]) -> dict[str, Any]:
    items = [KeyHealthItem.model_validate(one) for one in keys]
    shown: list[str] = [one.state for one in items]
    counts = {state: shown.count(state) for state in ("active", "cooling", "parked", "failed", "disabled")}
    return _json(KeyHealthOut(total=len(items), keys=items, **counts))


def vendor(name: str = "openai", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": name,
        "name": name.title(),
        "category": "global",
        "needs_base_url": False,
        "key_required": True,
        "default_dialect": "openai-chat",
        "endpoints": [
            EndpointOut(
                dialect="openai-chat", region="global", plan=None, base_url="https://api.example.com/v1"
            )
        ],
        "key_prefixes": ["sk-"],
        "suggested_models": ["gpt-5-mini"],
    }
    return _json(VendorOut(**(values | changes)))


def template(slug: str = "code-helper") -> dict[str, Any]:
    return _json(
        PersonaTemplateOut(
            id=UUID(TEMPLATE_ID),
            slug=slug,
            locale="zh-CN",
            name="编程助手",
            emoji="💻",
            tagline="读代码、写代码。",
            soul_markdown="# 角色",
            is_system=True,
        )
    )


def usage(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": UUID(int=3),
        "at": NOW,
        "bot_id": UUID(int=2),
        "hostname": "helper",
        "token_id": UUID(int=4),
        "vendor": "openai",
        "key_id": None,
        "key_label": "main",
        "model_asked": "gpt-5-mini",
        "model_answered": "gpt-5-mini-2026",
        "method": "POST",
        "endpoint": "/chat/completions",
        "dialect": "openai-chat",
        "status": 200,
        "error_code": None,
        "streamed": True,
        "input_tokens": 1234,
        "output_tokens": 0,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "usage_source": "provider",
        "details": None,
        "duration_ms": 987,
        "first_byte_ms": 100,
        "attempts": [AttemptOut(key_id=None, status=200, reason=None)],
        "trace_id": "t",
        "is_simulated": False,
    }
    return _json(UsageOut(**(values | changes)))


def summary() -> dict[str, Any]:
    totals = UsageTotals(requests=3, errors=1, input_tokens=1500, output_tokens=77)
    return _json(UsageSummary(days=7, totals=totals, by_vendor={"openai": totals}, by_bot={"helper": totals}))


def system(*, simulator: bool = True) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "simulator_enabled": simulator,
        "simulated_base_url": "https://simulated.invalid/v1",
    }


def page(*items: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": cursor}
