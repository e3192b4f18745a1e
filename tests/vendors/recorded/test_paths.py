"""Paths besides the chats, as the vendors' SDKs and documents spell them, and where each must arrive."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.upstream import RecordedUpstream
from tests.fakes.upstream.vendors import RECORDED
from tests.proxy.conftest import SECRET, TOKEN, World
from tests.vendors.recorded.calls import BODIES, CHAT, RESPONSES

# the transport that serves in production; what a vendor wants is not the transport's matter
over_the_wire = pytest.mark.parametrize("world", ["wire"], indirect=True)

AUTH = {"authorization": f"Bearer {TOKEN}"}
SOUND = b"RIFF" + bytes(range(256)) * 8
_ASK = [{"role": "user", "content": "hi"}]
_BODIES: dict[str, Any] = {
    "chat": BODIES[CHAT],
    "responses": BODIES[RESPONSES],
    "agent": {"agent_id": "ag-1", "messages": _ASK},
    "fim": {"model": "m", "prompt": "hi", "suffix": "ho"},
}
DATED = "?api-version=2024-10-21"

# vendor -> method and path as a client sends it -> the path that must arrive
PATHS: dict[str, dict[str, str]] = {
    "openai": {
        "POST /embeddings": "/v1/embeddings",
        "POST /audio/transcriptions": "/v1/audio/transcriptions",
        "POST /v1/audio/translations": "/v1/audio/translations",
        "POST /audio/speech": "/v1/audio/speech",
        "POST /images/generations": "/v1/images/generations",
        "POST /moderations": "/v1/moderations",
        "GET /files": "/v1/files",
    },
    "google": {
        "GET /v1/files": "/v1/files",
        "GET /v1beta/files": "/v1beta/files",
    },
    "deepseek": {
        "POST /beta/chat/completions": "/beta/chat/completions",
        "GET /user/balance": "/user/balance",
    },
    "groq": {
        "POST /openai/v1/audio/transcriptions": "/openai/v1/audio/transcriptions",
        "POST /openai/v1/audio/translations": "/openai/v1/audio/translations",
        "POST /openai/v1/audio/speech": "/openai/v1/audio/speech",
        "POST /embeddings": "/openai/v1/embeddings",
        "GET /openai/v1/files": "/openai/v1/files",
    },
    "azure-openai": {
        f"POST /openai/deployments/d/embeddings{DATED}": "/openai/deployments/d/embeddings",
        f"POST /openai/deployments/d/images/generations{DATED}": "/openai/deployments/d/images/generations",
        "POST /openai/responses?api-version=2025-04-01-preview": "/openai/responses",
        f"GET /openai/models{DATED}": "/openai/models",
        "POST /openai/v1/embeddings": "/openai/v1/embeddings",
        "GET /openai/v1/files": "/openai/v1/files",
    },
    "mistral": {
        "POST /v1/fim/completions": "/v1/fim/completions",
        "POST /v1/agents/completions": "/v1/agents/completions",
        "POST /v1/embeddings": "/v1/embeddings",
        "POST /v1/moderations": "/v1/moderations",
        "GET /v1/files": "/v1/files",
    },
    "openrouter": {
        "POST /embeddings": "/api/v1/embeddings",
        "GET /api/v1/credits": "/api/v1/credits",
        "GET /models/user": "/api/v1/models/user",
    },
    "together": {
        "POST /v1/embeddings": "/v1/embeddings",
        "POST /images/generations": "/v1/images/generations",
        "POST /audio/speech": "/v1/audio/speech",
        "POST /v1/audio/transcriptions": "/v1/audio/transcriptions",
        "GET /v1/files": "/v1/files",
    },
    "fireworks": {
        "POST /v1/embeddings": "/inference/v1/embeddings",
        "POST /inference/v1/embeddings": "/inference/v1/embeddings",
    },
    "perplexity": {
        "POST /v1/sonar": "/v1/sonar",
        "POST /v1/agent": "/v1/agent",
        "POST /v1/contextualizedembeddings": "/v1/contextualizedembeddings",
        "POST /search": "/search",
        "GET /async/chat/completions": "/async/chat/completions",
    },
    "cohere": {
        "POST /v2/rerank": "/v2/rerank",
        "POST /v1/rerank": "/v1/rerank",
        "POST /v2/embed": "/v2/embed",
        "POST /v2/audio/transcriptions": "/v2/audio/transcriptions",
        "POST /compatibility/v1/embeddings": "/compatibility/v1/embeddings",
        "POST /embeddings": "/compatibility/v1/embeddings",
        "GET /v1/datasets": "/v1/datasets",
    },
    "zhipu": {
        "POST /api/paas/v4/embeddings": "/api/paas/v4/embeddings",
        "POST /images/generations": "/api/paas/v4/images/generations",
        "GET /files": "/api/paas/v4/files",
    },
    "moonshot": {"GET /v1/files": "/v1/files", "GET /users/me/balance": "/v1/users/me/balance"},
    "baichuan": {"POST /v1/embeddings": "/v1/embeddings"},
    "dashscope": {
        "POST /compatible-mode/v1/embeddings": "/compatible-mode/v1/embeddings",
        "GET /compatible-mode/v1/files": "/compatible-mode/v1/files",
        "POST /api/v1/services/embeddings/text-embedding/text-embedding": (
            "/api/v1/services/embeddings/text-embedding/text-embedding"
        ),
    },
    "stepfun": {"GET /v1/files": "/v1/files"},
    "doubao": {
        "POST /api/v3/bots/chat/completions": "/api/v3/bots/chat/completions",
        "POST /context/chat/completions": "/api/v3/context/chat/completions",
        "POST /embeddings/multimodal": "/api/v3/embeddings/multimodal",
        "POST /api/v3/images/generations": "/api/v3/images/generations",
        "GET /api/v3/files": "/api/v3/files",
    },
    "siliconflow": {
        "POST /v1/embeddings": "/v1/embeddings",
        "POST /images/generations": "/v1/images/generations",
    },
    "venice": {"POST /embeddings": "/api/v1/embeddings", "POST /audio/speech": "/api/v1/audio/speech"},
    "ollama": {
        "POST /api/embed": "/api/embed",
        "POST /api/show": "/api/show",
        "GET /api/version": "/api/version",
        "POST /v1/embeddings": "/v1/embeddings",
    },
    "custom": {"POST /v1/embeddings": "/v1/embeddings"},
}
CASES = [(vendor, sent, arrives) for vendor, several in PATHS.items() for sent, arrives in several.items()]


@over_the_wire
@pytest.mark.parametrize(("vendor", "sent", "arrives"), CASES)
async def test_it_arrives(
    world: World,
    upstream: RecordedUpstream,
    http: aiohttp.ClientSession,
    vendor: str,
    sent: str,
    arrives: str,
) -> None:
    upstream.vendor = vendor
    world.add_key(vendor)
    method, _, path = sent.partition(" ")
    shape = (
        RECORDED[vendor].routes.get(f"{method} {arrives}")
        or RECORDED[vendor].routes[f"{method} {arrives.replace('/d/', '/{}/')}"]
    )
    body: Any = None
    content: dict[str, Any] = {}
    if shape == "transcription":
        body = aiohttp.FormData({"model": "m"})
        body.add_field("file", SOUND, filename="a b.wav", content_type="audio/wav")
        content = {"data": body}
    elif method == "POST":
        content = {"json": _BODIES.get(shape, {"model": "m", "input": "hi"})}
    answer = await http.request(method, f"/api/v1/{vendor}{path}", headers=AUTH, **content)
    received = await answer.read()
    assert (answer.status, upstream.complaints) == (200, []), received
    (seen,) = upstream.seen
    assert (seen.method, seen.path, seen.query) == (method, arrives, path.partition("?")[2])
    assert seen.everything().count(SECRET) == 1
    assert TOKEN not in seen.everything()
    if body is not None:
        assert SOUND in seen.body
    await world.settled()
    (record,) = world.usage.records
    assert (record.status, record.error_code) == (200, None)


@over_the_wire
@pytest.mark.parametrize(
    ("vendor", "method", "path"),
    [
        ("openai", "POST", "/v1/organization/admin_api_keys"),
        ("openai", "GET", "/organization/projects/p/api_keys"),
        ("anthropic", "GET", "/v1/organizations/api_keys"),
        ("openrouter", "POST", "/api/v1/keys"),
        ("openrouter", "POST", "/auth/keys/code"),
        ("openrouter", "GET", "/byok"),
        ("venice", "POST", "/api/v1/api_keys"),
        ("venice", "GET", "/api_keys"),
        ("dashscope", "POST", "/api/v1/tokens?expire_in_seconds=1800"),
        ("fireworks", "GET", "/v1/accounts/a/secrets/s"),
        ("together", "GET", "/deployments/secrets"),
    ],
)
async def test_no_bot_manages_the_account(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession, vendor: str, method: str, path: str
) -> None:
    """Not even with a key that may: what comes back could be another key."""
    upstream.vendor = vendor
    world.add_key(vendor)
    answer = await http.request(method, f"/api/v1/{vendor}{path}", headers=AUTH)
    assert (answer.status, answer.headers["x-clawbot-error"]) == (404, "account_not_served")
    assert not upstream.seen


@over_the_wire
@pytest.mark.parametrize(("vendor", "path"), [("venice", "/api_keys/rate_limits"), ("openrouter", "/key")])
async def test_what_a_key_may_still_do(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession, vendor: str, path: str
) -> None:
    upstream.vendor = vendor
    world.add_key(vendor)
    answer = await http.get(f"/api/v1/{vendor}{path}", headers=AUTH)
    assert (answer.status, upstream.complaints) == (200, [])


def test_every_vendor_is_here() -> None:
    """All but those that serve nothing else."""
    assert set(PATHS) == set(load_catalog().ids) - {"anthropic", "minimax", "yi", "hunyuan"}
