"""What each vendor serves and refuses, written down by hand from the vendors' documents and SDKs.

Not drawn from the catalogue of the program: the two are to be compared.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.upstream.chinese import CHINESE
from tests.fakes.upstream.facts import (
    API_KEY,
    BEARER,
    GOOGLE,
    USAGE,
    X_API_KEY,
    Recorded,
    messages_routes,
    openai_routes,
    words,
)

_ANTHROPIC_FIELDS = words("""
    model messages max_tokens stream system tools tool_choice temperature top_p top_k
    stop_sequences metadata thinking service_tier container context_management mcp_servers
    output_config cache_control
""")
_MISTRAL_FIELDS = words("""
    model messages stream temperature top_p max_tokens stop random_seed tools tool_choice
    response_format presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode
    safe_prompt metadata reasoning_effort guardrails prompt_cache_key
""")
_COHERE_FIELDS = words("""
    model messages stream tools documents citation_options response_format safety_mode max_tokens
    stop_sequences temperature seed frequency_penalty presence_penalty k p logprobs tool_choice
    thinking strict_tools priority
""")
_ANTHROPIC_401 = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
_GOOGLE_400 = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }
}

RECORDED: Mapping[str, Recorded] = {
    **CHINESE,
    "openai": Recorded(
        {
            **openai_routes("/v1", "responses", "embeddings", "files"),
            "POST /v1/audio/speech": "speech",
            "POST /v1/audio/transcriptions": "transcription",
            "POST /v1/images/generations": "images",
            "POST /v1/images/edits": "images",
            "POST /v1/moderations": "moderation",
            "POST /v1/audio/translations": "transcription",
            "POST /v1/uploads": "uploads",
            "POST /v1/uploads/{}/parts": "uploads",
            "POST /v1/uploads/{}/complete": "uploads",
        },
        telling="asked",
    ),
    "anthropic": Recorded(
        {
            **messages_routes(),
            "POST /v1/messages/count_tokens": "count",
            "POST /v1/chat/completions": "chat",
            "GET /v1/models": "models anthropic",
            "POST /v1/files": "files",
            "GET /v1/files": "files",
            "GET /v1/files/{}": "file",
            "DELETE /v1/files/{}": "file",
            "GET /v1/files/{}/content": "content",
        },
        auth={"": (X_API_KEY,), "chat": (BEARER,)},
        fields={"messages": _ANTHROPIC_FIELDS},
        unauthorized=_ANTHROPIC_401,
        takes_stream_options=False,
    ),
    "google": Recorded(
        {
            "POST /v1beta/models/{}": "google",
            "POST /v1/models/{}": "google",
            "GET /v1beta/models": "models google",
            "GET /v1/models": "models google",
            "POST /upload/v1/files": "google files",
            "POST /upload/v1beta/files": "google files",
            **{
                f"{method} /{version}/files{rest}": "google files"
                for version in ("v1", "v1beta")
                for method, rest in (("GET", ""), ("GET", "/{}"), ("DELETE", "/{}"))
            },
            "POST /v1beta/openai/chat/completions": "chat",
            "GET /v1beta/openai/models": "models",
        },
        auth={"": (GOOGLE,), "chat": (BEARER,), "models": (BEARER,)},
        unauthorized=_GOOGLE_400,
        takes_stream_options=False,
    ),
    "deepseek": Recorded(
        {
            **openai_routes("", "responses"),
            **openai_routes("/v1"),
            **messages_routes("/anthropic"),
            "POST /beta/chat/completions": "chat",
            "GET /user/balance": "json",
        },
        auth={"messages": (X_API_KEY,)},
        telling="asked",
        usage={
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_cache_hit_tokens": 3,
            "prompt_cache_miss_tokens": 8,
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        comments=b": keep-alive\n\n",
    ),
    "groq": Recorded(
        {
            **openai_routes("/openai/v1", "responses", "embeddings", "files"),
            "POST /openai/v1/audio/transcriptions": "transcription",
            "POST /openai/v1/audio/translations": "transcription",
            "POST /openai/v1/audio/speech": "speech",
            "GET /openai/v1/models/openai%2Fgpt-oss-20b": "json",
            "GET /openai/v1/models/openai/gpt-oss-20b": "json",
        },
        telling="x_groq",
    ),
    "azure-openai": Recorded(
        {
            **openai_routes("/openai/v1", "responses", "embeddings", "files"),
            "POST /openai/deployments/{}/chat/completions": "chat",
            "POST /openai/deployments/{}/embeddings": "embeddings",
            "POST /openai/deployments/{}/images/generations": "images",
            "POST /openai/responses": "responses",
            "GET /openai/models": "models",
            "POST /anthropic/v1/messages": "messages",
        },
        auth={"": (API_KEY, BEARER)},
        telling="azure",
        unauthorized={"error": {"code": "401", "message": "Access denied due to invalid subscription key."}},
        queries={
            "/openai/deployments/": "needs api-version",
            "/openai/responses": "needs api-version",
            "/openai/models": "needs api-version",
            "/openai/v1/": "takes no api-version",
        },
    ),
    "mistral": Recorded(
        {
            **openai_routes("/v1", "responses", "embeddings", "files", models="models mistral"),
            "POST /v1/fim/completions": "fim",
            "POST /v1/agents/completions": "agent",
            "POST /v1/moderations": "moderation",
            "POST /v1/ocr": "pages",
            "POST /v1/audio/transcriptions": "transcription",
        },
        whole_tools=True,
        fields={
            "chat": _MISTRAL_FIELDS,
            "fim": _MISTRAL_FIELDS - {"messages"} | {"prompt", "suffix"},
            "agent": _MISTRAL_FIELDS - {"model"} | {"agent_id"},
        },
        unauthorized={"message": "Unauthorized", "request_id": "req-1"},
    ),
    "openrouter": Recorded(
        {
            **openai_routes("/api/v1", "responses", "embeddings"),
            **messages_routes("/api"),
            "GET /api/v1/key": "json",
            "GET /api/v1/credits": "json",
            "POST /api/v1/rerank": "rerank",
            "GET /api/v1/models/user": "models",
        },
        public=frozenset({"models"}),
        telling="extra",
        usage={**USAGE, "cost": 0.0001, "cost_details": {"upstream_inference_cost": None}},
        unauthorized={"error": {"code": 401, "message": "No auth credentials found"}},
        comments=b": OPENROUTER PROCESSING\n\n",
    ),
    "together": Recorded(
        {
            **openai_routes("/v1", "embeddings", "files", models="models array"),
            "POST /v1/files": "elsewhere",
            "PUT /storage/{}": "storage",
            "POST /v1/files/{}/preprocess": "file",
            "POST /v1/rerank": "rerank",
            "POST /v1/images/generations": "images",
            "POST /v1/audio/speech": "speech",
            "POST /v1/audio/transcriptions": "transcription",
        },
        public=frozenset({"storage"}),
        telling="asked",
    ),
    "fireworks": Recorded(
        {**openai_routes("/inference/v1", "responses", "embeddings"), **messages_routes("/inference")},
        telling="asked",
        unauthorized={"error": {"message": "The API key you provided is invalid.", "code": "UNAUTHORIZED"}},
    ),
    "perplexity": Recorded(
        {
            "POST /chat/completions": "chat",
            "POST /v1/sonar": "chat",
            "POST /v1/responses": "responses",
            "POST /v1/agent": "responses",
            "POST /v1/embeddings": "embeddings",
            "POST /v1/contextualizedembeddings": "embeddings",
            "GET /v1/models": "models",
            "GET /async/chat/completions": "json",
            "POST /search": "search",
        },
        public=frozenset({"models"}),
        telling="every",
        usage={
            "prompt_tokens": 11,
            "completion_tokens": 4,
            "total_tokens": 18,
            "search_context_size": "low",
            "citation_tokens": 1,
            "num_search_queries": 1,
            "reasoning_tokens": 2,
            "cost": {"input_tokens_cost": 0.1, "output_tokens_cost": 0.1, "total_cost": 0.2},
        },
    ),
    "cohere": Recorded(
        {
            "POST /v2/chat": "cohere",
            "POST /v2/embed": "cohere embed",
            "POST /v2/rerank": "cohere rerank",
            "POST /v1/rerank": "cohere rerank",
            "POST /v2/audio/transcriptions": "transcription",
            "POST /v1/tokenize": "tokens",
            "GET /v1/datasets": "json",
            "POST /v1/datasets": "dataset",
            "POST /v1/check-api-key": "json",
            "GET /v1/models": "models cohere",
            "POST /compatibility/v1/chat/completions": "chat",
            "POST /compatibility/v1/embeddings": "embeddings",
        },
        fields={"cohere": _COHERE_FIELDS},
        unauthorized={"id": "1", "message": "invalid api token"},
        takes_stream_options=False,
    ),
    "venice": Recorded(
        {
            **openai_routes("/api/v1", "responses", "embeddings"),
            "GET /api/v1/api_keys/rate_limits": "json",
            "POST /api/v1/audio/speech": "speech",
        },
        public=frozenset({"models"}),
        telling="asked",
        unauthorized={"error": "Authentication failed"},
    ),
    "ollama": Recorded(
        {
            **openai_routes("/v1", "responses", "embeddings"),
            **messages_routes(),
            "POST /api/chat": "ollama",
            "POST /api/embed": "ollama embed",
            "POST /api/generate": "ollama generate",
            "POST /api/show": "json",
            "GET /api/version": "json",
            "GET /api/tags": "tags",
        },
        telling="asked",
        keyless=True,
        unauthorized={"error": "unauthorized"},
    ),
    "custom": Recorded(
        {**openai_routes("/v1", "responses", "embeddings"), **messages_routes()},
        auth={"messages": (X_API_KEY,)},
        telling="asked",
    ),
}
