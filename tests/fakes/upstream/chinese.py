"""What the Chinese vendors serve and refuse; see `vendors`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.upstream.facts import (
    BEARER,
    X_API_KEY,
    Recorded,
    messages_routes,
    openai_routes,
)

BOTH = {"messages": (BEARER, X_API_KEY)}

CHINESE: Mapping[str, Recorded] = {
    "zhipu": Recorded(
        {
            **openai_routes("/api/paas/v4", "embeddings", "files"),
            **openai_routes("/api/coding/paas/v4"),
            "POST /api/paas/v4/images/generations": "images",
            "POST /api/paas/v4/audio/transcriptions": "transcription",
            **messages_routes("/api/anthropic"),
            "POST /api/v1/responses": "responses",
        },
        unauthorized={"error": {"code": "1000", "message": "身份验证失败。"}},
    ),
    "moonshot": Recorded(
        {
            **openai_routes("/v1", "responses", "files"),
            **messages_routes("/anthropic"),
            **openai_routes("/coding/v1"),
            **messages_routes("/coding"),
            "GET /v1/users/me/balance": "json",
            "POST /v1/tokenizers/estimate-token-count": "json",
        },
        telling="choice",
        usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cached_tokens": 3},
        unauthorized={"error": {"message": "Invalid Authentication", "type": "invalid_authentication_error"}},
    ),
    "baichuan": Recorded(openai_routes("/v1", "embeddings", models="models baichuan")),
    "dashscope": Recorded(
        {
            **openai_routes("/compatible-mode/v1", "responses", "embeddings", "files"),
            **messages_routes("/apps/anthropic"),
            **openai_routes("/v1"),  # the hosts of plans
            "POST /api/v1/services/aigc/text-generation/generation": "dashscope",
            "POST /api/v1/services/aigc/multimodal-generation/generation": "dashscope",
            "POST /api/v1/services/embeddings/text-embedding/text-embedding": "dashscope embed",
            "POST /api/v1/services/rerank/text-rerank/text-rerank": "dashscope rerank",
        },
        auth=BOTH,
        telling="asked",
        unauthorized={
            "error": {"code": "invalid_api_key", "message": "Incorrect API key provided.", "type": "x"}
        },
    ),
    "stepfun": Recorded(
        {
            **openai_routes("/v1", "files"),
            **openai_routes("/step_plan/v1"),
            **messages_routes(),
            **messages_routes("/step_plan"),
        },
    ),
    "doubao": Recorded(
        {
            **openai_routes("/api/v3", "responses", "embeddings", "files"),
            **openai_routes("/api/coding/v3", "responses"),
            **messages_routes("/api/compatible"),
            **messages_routes("/api/coding"),
            **messages_routes("/api/plan"),
            "POST /api/v3/bots/chat/completions": "chat",
            "POST /api/v3/context/chat/completions": "chat",
            "POST /api/v3/embeddings/multimodal": "embeddings",
            "POST /api/v3/images/generations": "images",
        },
        auth=BOTH,
        telling="asked",
        unauthorized={"error": {"code": "AuthenticationError", "message": "the API key is invalid"}},
    ),
    "minimax": Recorded(
        {**openai_routes("/v1", "responses"), **messages_routes("/anthropic")},
        auth=BOTH,
        telling="no delta",
        unauthorized={
            "type": "error",
            "error": {"type": "authentication_error", "message": "login fail (1004)", "http_code": "401"},
        },
    ),
    "yi": Recorded(openai_routes("/v1")),
    "hunyuan": Recorded(
        {
            **openai_routes("/v1"),
            **messages_routes(),
            **openai_routes("/plan/v3"),
            **messages_routes("/plan/anthropic"),
            **messages_routes("/anthropic"),
        },
        auth=BOTH,
        telling="asked",
        unauthorized={"error": {"type": "authentication_error", "code": "401002", "message": "invalid key"}},
    ),
    "siliconflow": Recorded(
        {
            **openai_routes("/v1", "embeddings"),
            **messages_routes(),
            "GET /v1/user/info": "json",
            "POST /v1/images/generations": "images",
        },
        auth=BOTH,
        telling="every",
    ),
}
