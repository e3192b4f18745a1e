"""The calls that clients make of each vendor: the path they send, and the one that must arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHAT, RESPONSES, MESSAGES = "openai-chat", "openai-responses", "anthropic-messages"
GOOGLE, COHERE, OLLAMA, NATIVE = "google-generatecontent", "cohere-v2", "ollama", "dashscope-native"

_ASK = [{"role": "user", "content": "hi"}]
BODIES: Mapping[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": _ASK},
    RESPONSES: {"model": "m", "input": "hi"},
    MESSAGES: {"model": "m", "max_tokens": 9, "messages": _ASK},
    GOOGLE: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    COHERE: {"model": "m", "messages": _ASK},
    OLLAMA: {"model": "m", "messages": _ASK, "stream": False},
    NATIVE: {"model": "m", "input": {"messages": _ASK}, "parameters": {"result_format": "message"}},
}


@dataclass(frozen=True)
class Call:
    """One call: what the client sends behind `/api/v1/{vendor}`, and what the vendor must see.

    `base` is the path of the key's own base URL, `api_type` the key's dialect (custom endpoints only).
    """

    vendor: str
    dialect: str
    sent: str
    arrives: str
    base: str = ""
    api_type: str | None = None

    def __str__(self) -> str:
        return f"{self.vendor} {self.sent}"


# vendor -> dialect -> (where it must arrive, the spellings that clients use)
_PATHS: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "openai": {
        CHAT: ("/v1/chat/completions", ("/chat/completions", "/v1/chat/completions")),
        RESPONSES: ("/v1/responses", ("/responses", "/v1/responses")),
    },
    "anthropic": {
        MESSAGES: ("/v1/messages", ("/v1/messages",)),
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
    },
    "google": {
        GOOGLE: ("/v1beta/models/m:generateContent", ("/v1beta/models/m:generateContent",)),
        CHAT: ("/v1beta/openai/chat/completions", ("/v1beta/openai/chat/completions", "/chat/completions")),
    },
    "deepseek": {
        CHAT: ("/chat/completions", ("/chat/completions", "/v1/chat/completions")),
        RESPONSES: ("/responses", ("/responses",)),
        MESSAGES: ("/anthropic/v1/messages", ("/anthropic/v1/messages", "/v1/messages")),
    },
    "groq": {
        CHAT: (
            "/openai/v1/chat/completions",
            ("/openai/v1/chat/completions", "/chat/completions", "/v1/chat/completions"),
        ),
        RESPONSES: ("/openai/v1/responses", ("/openai/v1/responses", "/responses")),
    },
    "azure-openai": {
        CHAT: (
            "/openai/v1/chat/completions",
            ("/openai/v1/chat/completions", "/chat/completions", "/v1/chat/completions"),
        ),
        RESPONSES: ("/openai/v1/responses", ("/openai/v1/responses", "/responses")),
        MESSAGES: ("/anthropic/v1/messages", ("/anthropic/v1/messages", "/v1/messages")),
    },
    "mistral": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        RESPONSES: ("/v1/responses", ("/v1/responses",)),
    },
    "openrouter": {
        CHAT: (
            "/api/v1/chat/completions",
            ("/api/v1/chat/completions", "/chat/completions", "/v1/chat/completions"),
        ),
        RESPONSES: ("/api/v1/responses", ("/api/v1/responses", "/responses")),
        MESSAGES: ("/api/v1/messages", ("/api/v1/messages", "/v1/messages")),
    },
    "together": {CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions"))},
    "fireworks": {
        CHAT: (
            "/inference/v1/chat/completions",
            ("/inference/v1/chat/completions", "/v1/chat/completions", "/chat/completions"),
        ),
        RESPONSES: ("/inference/v1/responses", ("/inference/v1/responses", "/responses")),
        MESSAGES: ("/inference/v1/messages", ("/inference/v1/messages", "/v1/messages")),
    },
    "perplexity": {
        CHAT: ("/chat/completions", ("/chat/completions",)),
        RESPONSES: ("/v1/responses", ("/v1/responses", "/responses")),
    },
    "cohere": {
        COHERE: ("/v2/chat", ("/v2/chat",)),
        CHAT: (
            "/compatibility/v1/chat/completions",
            ("/compatibility/v1/chat/completions", "/chat/completions"),
        ),
    },
    "zhipu": {
        CHAT: (
            "/api/paas/v4/chat/completions",
            ("/api/paas/v4/chat/completions", "/chat/completions", "/v4/chat/completions"),
        ),
        RESPONSES: ("/api/v1/responses", ("/api/v1/responses", "/responses")),
        MESSAGES: ("/api/anthropic/v1/messages", ("/api/anthropic/v1/messages", "/v1/messages")),
    },
    "moonshot": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        RESPONSES: ("/v1/responses", ("/v1/responses",)),
        MESSAGES: ("/anthropic/v1/messages", ("/anthropic/v1/messages", "/v1/messages")),
    },
    "baichuan": {CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions"))},
    "dashscope": {
        CHAT: (
            "/compatible-mode/v1/chat/completions",
            ("/compatible-mode/v1/chat/completions", "/chat/completions", "/v1/chat/completions"),
        ),
        RESPONSES: ("/compatible-mode/v1/responses", ("/compatible-mode/v1/responses",)),
        MESSAGES: ("/apps/anthropic/v1/messages", ("/apps/anthropic/v1/messages", "/v1/messages")),
        NATIVE: (
            "/api/v1/services/aigc/text-generation/generation",
            (
                "/api/v1/services/aigc/text-generation/generation",
                "/services/aigc/text-generation/generation",
            ),
        ),
    },
    "stepfun": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        MESSAGES: ("/v1/messages", ("/v1/messages",)),
    },
    "doubao": {
        CHAT: (
            "/api/v3/chat/completions",
            ("/api/v3/chat/completions", "/chat/completions", "/v3/chat/completions"),
        ),
        RESPONSES: ("/api/v3/responses", ("/api/v3/responses", "/responses")),
        MESSAGES: ("/api/compatible/v1/messages", ("/api/compatible/v1/messages", "/v1/messages")),
    },
    "minimax": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        RESPONSES: ("/v1/responses", ("/v1/responses",)),
        MESSAGES: ("/anthropic/v1/messages", ("/anthropic/v1/messages", "/v1/messages")),
    },
    "yi": {CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions"))},
    "hunyuan": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        MESSAGES: ("/v1/messages", ("/v1/messages",)),
    },
    "siliconflow": {
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        MESSAGES: ("/v1/messages", ("/v1/messages",)),
    },
    "venice": {
        CHAT: (
            "/api/v1/chat/completions",
            ("/api/v1/chat/completions", "/chat/completions", "/v1/chat/completions"),
        ),
        RESPONSES: ("/api/v1/responses", ("/api/v1/responses", "/responses")),
    },
    "ollama": {
        OLLAMA: ("/api/chat", ("/api/chat",)),
        CHAT: ("/v1/chat/completions", ("/v1/chat/completions", "/chat/completions")),
        RESPONSES: ("/v1/responses", ("/v1/responses",)),
        MESSAGES: ("/v1/messages", ("/v1/messages",)),
    },
}

_SPECIAL = (
    Call("google", GOOGLE, "/v1/models/m:generateContent", "/v1/models/m:generateContent"),
    Call(
        "azure-openai",
        CHAT,
        "/openai/deployments/dep/chat/completions?api-version=2024-10-21",
        "/openai/deployments/dep/chat/completions",
    ),
    Call(
        "dashscope",
        NATIVE,
        "/api/v1/services/aigc/multimodal-generation/generation",
        "/api/v1/services/aigc/multimodal-generation/generation",
    ),
    Call("custom", CHAT, "/chat/completions", "/v1/chat/completions", base="/v1"),
    Call("custom", CHAT, "/v1/chat/completions", "/v1/chat/completions", base="/v1"),
    Call("custom", CHAT, "/v1/chat/completions", "/v1/chat/completions"),
    Call("custom", RESPONSES, "/responses", "/v1/responses", base="/v1"),
    Call("custom", MESSAGES, "/v1/messages", "/v1/messages", api_type=MESSAGES),
    Call("custom", MESSAGES, "/v1/messages", "/v1/messages", base="/v1", api_type=MESSAGES),
)

CALLS: tuple[Call, ...] = (
    *(
        Call(vendor, dialect, sent, arrives)
        for vendor, dialects in _PATHS.items()
        for dialect, (arrives, spellings) in dialects.items()
        for sent in spellings
    ),
    *_SPECIAL,
)

# The list of models, as each vendor's documents spell the path, and where it must arrive.
MODELS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "openai": (("/models", "/v1/models"), ("/v1/models", "/v1/models")),
    "anthropic": (("/v1/models", "/v1/models"),),
    "google": (
        ("/v1beta/models", "/v1beta/models"),
        ("/v1/models", "/v1/models"),
        ("/v1beta/openai/models", "/v1beta/openai/models"),
    ),
    "deepseek": (("/models", "/models"),),
    "groq": (("/openai/v1/models", "/openai/v1/models"), ("/models", "/openai/v1/models")),
    "azure-openai": (("/openai/v1/models", "/openai/v1/models"),),
    "mistral": (("/v1/models", "/v1/models"), ("/models", "/v1/models")),
    "openrouter": (("/api/v1/models", "/api/v1/models"), ("/models", "/api/v1/models")),
    "together": (("/v1/models", "/v1/models"), ("/models", "/v1/models")),
    "fireworks": (("/inference/v1/models", "/inference/v1/models"), ("/models", "/inference/v1/models")),
    "perplexity": (("/v1/models", "/v1/models"),),
    "cohere": (("/v1/models", "/v1/models"),),
    "zhipu": (("/api/paas/v4/models", "/api/paas/v4/models"), ("/models", "/api/paas/v4/models")),
    "moonshot": (("/v1/models", "/v1/models"), ("/models", "/v1/models")),
    "baichuan": (("/v1/models", "/v1/models"),),
    "dashscope": (("/compatible-mode/v1/models", "/compatible-mode/v1/models"),),
    "stepfun": (("/v1/models", "/v1/models"),),
    "doubao": (("/api/v3/models", "/api/v3/models"), ("/models", "/api/v3/models")),
    "minimax": (("/v1/models", "/v1/models"),),
    "yi": (("/v1/models", "/v1/models"),),
    "hunyuan": (("/v1/models", "/v1/models"),),
    "siliconflow": (("/v1/models", "/v1/models"), ("/v1/user/info", "/v1/user/info")),
    "venice": (("/api/v1/models", "/api/v1/models"), ("/models", "/api/v1/models")),
    "ollama": (("/api/tags", "/api/tags"), ("/v1/models", "/v1/models")),
    "custom": (("/v1/models", "/v1/models"),),
}
