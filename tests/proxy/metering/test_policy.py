"""What is served, what is counted, and what is refused: by the calls that the vendors' SDKs know."""

from __future__ import annotations

import pytest

from clawbot_manager.proxy.messages import ProxyConfig, RequestHead
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.policy import ACCOUNT, UNMETERED, Rule, rule_for
from clawbot_manager.proxy.route import Route
from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.ports import FakeBudgets, FakeKeys, FakeTokens, FakeUsage, bot

TOKEN = "cbm-token-0123456789abcdef"
METERED, COUNTED, REFUSED, ACCOUNTED = "metered", "counted", "path_not_served", "account_not_served"

# vendor -> what becomes of it -> the writing calls of the vendor's own SDK and documents. "Counted": no
# dialect reads it; it is recorded and counts as a request, and what its answer tells is read all the same.
CALLS: dict[str, dict[str, str]] = {
    "openai": {
        METERED: """
            /v1/chat/completions /v1/completions /v1/responses /v1/responses/compact /v1/embeddings
            /v1/moderations /v1/audio/speech /v1/audio/transcriptions /v1/audio/translations
            /v1/images/generations /v1/images/edits /v1/images/variations
        """,
        COUNTED: """
            /v1/files /v1/uploads /v1/uploads/u/parts /v1/uploads/u/complete /v1/uploads/u/cancel
            /v1/chat/completions/c /v1/responses/input_tokens /v1/responses/r/cancel /v1/conversations
            /v1/conversations/c/items /v1/skills /v1/skills/s/versions /v1/decisions
            /v1/audio/voices /v1/audio/voice_consents /v1/content_provenance_checks
        """,
        REFUSED: """
            /v1/batches /v1/batches/b/cancel /v1/fine_tuning/jobs /v1/fine_tuning/alpha/graders/run
            /v1/evals /v1/evals/e/runs /v1/assistants /v1/threads /v1/threads/runs /v1/threads/t/messages
            /v1/threads/t/runs /v1/vector_stores /v1/vector_stores/v/files /v1/vector_stores/v/file_batches
            /v1/containers /v1/containers/c/files /v1/videos /v1/videos/v/remix /v1/videos/edits
            /v1/agents /v1/agents/sessions /v1/agents/sessions/s/events /v1/agents/automations/a/invocations
            /v1/realtime/calls /v1/realtime/calls/c/accept /v1/realtime/client_secrets
            /v1/realtime/sessions /v1/realtime/transcription_sessions
            /v1/realtime/translations/client_secrets /v1/chatkit/sessions /v1/live/sessions
        """,
        ACCOUNTED: """
            /v1/organization/admin_api_keys /v1/organization/projects /v1/organization/spend_limit
            /v1/vaults /v1/vaults/v/credentials /v1/webhook_endpoints /v1/webhook_endpoints/w/rotate_secret
        """,
    },
    "anthropic": {
        METERED: "/v1/messages /v1/messages/count_tokens",
        COUNTED: "/v1/files /v1/skills /v1/skills/s/versions /v1/memory_stores /v1/memory_stores/m/memories",
        REFUSED: """
            /v1/messages/batches /v1/messages/batches/b/cancel /v1/agents /v1/sessions /v1/sessions/s/events
            /v1/environments /v1/environments/e/work /v1/deployments /v1/deployments/d/run /v1/dreams
        """,
        ACCOUNTED: """
            /v1/organizations/api_keys/k /v1/organizations/invites /v1/vaults /v1/tunnels/t/reveal_token
            /v1/user_profiles
        """,
    },
    "google": {
        METERED: """
            /v1beta/models/m:generateContent /v1beta/models/m:streamGenerateContent /v1beta/interactions
            /v1beta/models/m:embedContent /v1beta/models/m:batchEmbedContents /v1beta/models/m:countTokens
            /v1beta/models/m:predict /v1beta/tunedModels/t:generateContent
            /v1beta/openai/chat/completions /v1beta/openai/embeddings
        """,
        COUNTED: "/v1beta/files /upload/v1beta/files /v1beta/files:register",
        REFUSED: """
            /v1beta/models/m:batchGenerateContent /v1beta/models/m:asyncBatchEmbedContent
            /v1beta/models/m:predictLongRunning /v1beta/models/m:bidiGenerateContent
            /v1beta/models/m:batchgeneratecontent
            /v1beta/batches /v1beta/batches/b:cancel /v1beta/tunedModels /v1beta/tuningJobs
            /v1beta/cachedContents /v1beta/fileSearchStores /v1beta/fileSearchStores/f:importFile
            /upload/v1beta/fileSearchStores/f:uploadToFileSearchStore /v1beta/corpora /v1beta/agents
            /v1alpha/auth_tokens
            /$rpc/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent
            /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent
        """,
    },
    "azure-openai": {
        METERED: """
            /openai/deployments/d/chat/completions?api-version=1
            /openai/deployments/d/embeddings?api-version=1
            /openai/deployments/d/audio/speech?api-version=1 /openai/v1/responses
        """,
        COUNTED: "/openai/v1/files",
        REFUSED: """
            /openai/v1/batches /openai/v1/video/generations/jobs /openai/realtimeapi/sessions
            /openai/v1/evals
        """,
    },
    "groq": {
        METERED: """
            /openai/v1/chat/completions /openai/v1/responses /openai/v1/embeddings /openai/v1/audio/speech
            /openai/v1/audio/transcriptions /openai/v1/audio/translations
        """,
        COUNTED: "/openai/v1/files",
        REFUSED: "/openai/v1/batches /openai/v1/batches/b/cancel",
    },
    "mistral": {
        METERED: """
            /v1/chat/completions /v1/fim/completions /v1/agents/completions /v1/embeddings /v1/moderations
            /v1/chat/moderations /v1/classifications /v1/ocr /v1/audio/speech /v1/audio/transcriptions
            /v1/responses
        """,
        COUNTED: """
            /v1/files /v1/agents /v1/conversations /v1/conversations/c /v1/conversations/c/restart
            /v1/responses/input_tokens /v1/connectors/c/tools/t/call /v1/audio/voices
        """,
        REFUSED: """
            /v1/batch/jobs /v1/batch/jobs/j/cancel /v1/fine_tuning/models/m/archive /v1/libraries
            /v1/libraries/l/documents /v1/workflows/w/execute /v1/workflows/schedules /v1/triggers
            /v1/observability/judges/j/live-judging /v1/rag/deployments /v1/context/search-indexes
            /v1/client/sessions /v1/audio/sessions /v1/audio/agents
        """,
        ACCOUNTED: "/v1/service-accounts /v1/webhooks",
    },
    "openrouter": {
        METERED: """
            /api/v1/chat/completions /api/v1/responses /api/v1/messages /api/v1/embeddings /api/v1/rerank
            /api/v1/images /api/v1/audio/speech
        """,
        COUNTED: "/api/v1/files /api/v1/generation/feedback /api/v1/presets/p/chat/completions",
        REFUSED: "/api/v1/batches /api/v1/videos /api/v1/containers/c/files/f/promote",
        ACCOUNTED: """
            /api/v1/keys /api/v1/auth/keys /api/v1/auth/keys/code /api/v1/oauth/token /api/v1/byok
            /api/v1/workspaces /api/v1/scim/sync-jobs /api/v1/vault/interns/i/secrets/copy
            /api/v1/external-users
        """,
    },
    "together": {
        METERED: """
            /v1/chat/completions /v1/completions /v1/embeddings /v1/rerank /v1/images/generations
            /v1/audio/speech /v1/audio/transcriptions
        """,
        COUNTED: "/v1/files /v1/files/upload",
        REFUSED: """
            /v1/batches /v1/fine-tunes /v1/fine-tunes/f/cancel /v1/evaluation /v1/videos /v1/endpoints
            /v1/deployments /v1/compute/clusters /v1/tci/execute /v1/queue/submit /v1/models
        """,
        ACCOUNTED: "/v1/deployments/secrets",
    },
    "fireworks": {
        METERED: "/inference/v1/chat/completions /inference/v1/completions /inference/v1/messages",
        COUNTED: "/inference/v1/workflows/accounts/fireworks/models/flux/text_to_image",
        REFUSED: "/v1/accounts/a/batchInferenceJobs /v1/accounts/a/deployments /v1/accounts/a/models",
        ACCOUNTED: "/v1/accounts/a/apiKeys /v1/accounts/a/users /v1/auth/token",
    },
    "perplexity": {
        METERED: """
            /chat/completions /v1/sonar /v1/responses /v1/agent /v1/embeddings /v1/contextualizedembeddings
        """,
        COUNTED: "/search /v1/files /v1/decisions /v1/responses/r/cancel /v1/skills",
        REFUSED: "/async/chat/completions /v1/batches /v1/browser/sessions",
    },
    "cohere": {
        METERED: """
            /v2/chat /v1/chat /v2/embed /v1/embed /v2/rerank /v1/rerank /v1/generate /v1/summarize
            /v1/classify /v2/audio/transcriptions /compatibility/v1/chat/completions
        """,
        COUNTED: "/v1/tokenize /v1/detokenize /v1/datasets /v1/connectors /v1/check-api-key /v2/parse",
        REFUSED: "/v1/embed-jobs /v1/embed-jobs/e/cancel /v1/finetuning/finetuned-models /v2/batches",
    },
    "zhipu": {
        METERED: """
            /api/paas/v4/chat/completions /api/paas/v4/embeddings /api/paas/v4/images/generations
            /api/paas/v4/rerank /api/anthropic/v1/messages
        """,
        COUNTED: "/api/paas/v4/files /api/paas/v4/tokenizer /api/paas/v4/web_search /api/paas/v4/agents",
        REFUSED: """
            /api/paas/v4/async/chat/completions /api/paas/v4/videos/generations /api/paas/v4/batches
            /api/paas/v4/fine_tuning/jobs /api/paas/v4/voice/clone /api/paas/v4/knowledge
        """,
    },
    "moonshot": {
        METERED: "/v1/chat/completions /anthropic/v1/messages",
        COUNTED: "/v1/files /v1/tokenizers/estimate-token-count",
        REFUSED: "/v1/batches /v1/caching",
    },
    "dashscope": {
        METERED: """
            /compatible-mode/v1/chat/completions /api/v1/services/aigc/text-generation/generation
            /api/v1/services/aigc/multimodal-generation/generation
            /api/v1/services/embeddings/text-embedding/text-embedding
            /api/v1/services/rerank/text-rerank/text-rerank
        """,
        COUNTED: "/compatible-mode/v1/files /api/v1/uploads",
        REFUSED: """
            /compatible-mode/v1/batches /api/v1/services/aigc/video-generation/video-synthesis
            /api/v1/services/aigc/image2video/video-synthesis /api/v1/services/audio/asr/transcription
            /api/v1/services/audio/tts/customization /api/v1/fine-tunes
        """,
        ACCOUNTED: "/api/v1/tokens",
    },
    "doubao": {
        METERED: """
            /api/v3/chat/completions /api/v3/bots/chat/completions /api/v3/context/chat/completions
            /api/v3/embeddings /api/v3/embeddings/multimodal /api/v3/images/generations /api/v3/responses
        """,
        COUNTED: "/api/v3/files /api/v3/tokenization",
        REFUSED: "/api/v3/contents/generations/tasks /api/v3/batch/chat/completions /api/v3/context/create",
    },
    "minimax": {
        METERED: """
            /v1/chat/completions /v1/text/chatcompletion_v2 /v1/embeddings /v1/t2a_v2 /v1/image_generation
            /anthropic/v1/messages
        """,
        COUNTED: "/v1/files/upload /v1/music_generation /v1/lyrics_generation",
        REFUSED: "/v1/t2a_async_v2 /v1/video_generation /v1/voice_clone /v1/voice_design",
    },
    "siliconflow": {
        METERED: "/v1/chat/completions /v1/embeddings /v1/rerank /v1/images/generations /v1/audio/speech",
        COUNTED: "/v1/uploads/audio/voice",
        REFUSED: "/v1/video/submit",
    },
    "venice": {
        METERED: "/api/v1/chat/completions /api/v1/embeddings /api/v1/audio/speech",
        COUNTED: "/api/v1/image/generate /api/v1/image/upscale",
        REFUSED: "/api/v1/video/queue",
        ACCOUNTED: "/api/v1/api_keys /api/v1/api_keys/generate_web3_key",
    },
    "ollama": {
        METERED: "/api/chat /api/generate /api/embed /api/embeddings /api/show /v1/chat/completions",
        REFUSED: "/api/pull /api/push /api/create /api/copy /api/blobs/sha256:a",
    },
    "custom": {
        METERED: "/v1/chat/completions /v1/messages",
        COUNTED: "/v1/tokenize /v1/score /v1/pooling /v1/whatever/comes/next",
        REFUSED: "/v1/batches",
    },
}  # fmt: skip
CASES = [
    (vendor, becomes, path)
    for vendor, verdicts in CALLS.items()
    for becomes, paths in verdicts.items()
    for path in paths.split()
]


def route(vendor: str, path: str, method: str = "POST", *, jobs: bool = False) -> Route:
    path, _, query = path.partition("?")
    pipeline = Pipeline(
        tokens=FakeTokens({TOKEN: bot()}),
        keys=FakeKeys(),
        budgets=FakeBudgets(),
        usage=FakeUsage(),
        catalog=load_catalog(),
        config=ProxyConfig(allow_unmetered_jobs=jobs),
    )
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    return pipeline.route(RequestHead(method, f"/api/v1/{vendor}{path}", query, headers))


def verdict(route: Route) -> str:
    if route.refusal is not None:
        return route.refusal.code
    return COUNTED if route.dialect is None else METERED


@pytest.mark.parametrize(("vendor", "becomes", "path"), CASES)
def test_calls_of_the_vendors(vendor: str, becomes: str, path: str) -> None:
    made = route(vendor, path)
    assert verdict(made) == becomes
    # whatever is served is read: nothing that tells its usage goes uncounted
    assert (made.collector() is not None) or becomes not in (METERED, COUNTED)


@pytest.mark.parametrize(
    ("vendor", "path"), [(vendor, path) for vendor, becomes, path in CASES if becomes == REFUSED]
)
def test_reading_about_work_is_harmless(vendor: str, path: str) -> None:
    made = route(vendor, path, "GET")
    assert verdict(made) in (COUNTED, METERED)
    assert made.dialect is not None or made.collector() is None


@pytest.mark.parametrize(
    ("vendor", "path", "served"),
    [
        ("openai", "/v1/batches", True),
        ("openai", "/v1/videos", True),
        ("anthropic", "/v1/messages/batches", True),
        ("google", "/v1beta/models/m:batchGenerateContent", True),
        ("openai", "/v1/realtime/calls", True),
        ("openai", "/v1/realtime/client_secrets", False),
        ("openai", "/v1/chatkit/sessions", False),
        ("google", "/v1alpha/auth_tokens", False),
        ("mistral", "/v1/client/sessions", False),
        ("google", "/$rpc/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent", False),
        ("dashscope", "/api/v1/tokens", False),
        ("openai", "/v1/organization/admin_api_keys", False),
    ],
)
def test_what_the_operator_may_allow(vendor: str, path: str, served: bool) -> None:
    """Jobs, but no key that goes past the proxy."""
    assert (verdict(route(vendor, path, jobs=True)) in (COUNTED, METERED)) is served
    assert verdict(route(vendor, path)) not in (COUNTED, METERED)


@pytest.mark.parametrize(
    "path",
    ["/v1/Batches", "/v1/batches/", "/v1/%62atches", "/v1//batches", "/v1/v1/batches", "/v1/./batches"],
)
def test_other_spellings_do_not_slip_through(path: str) -> None:
    assert verdict(route("openai", path)) in (REFUSED, "bad_path")


def test_every_vendor_is_there() -> None:
    openai_only = {"deepseek", "baichuan", "stepfun", "yi", "hunyuan"}
    assert set(CALLS) | openai_only == set(load_catalog().ids)


@pytest.mark.parametrize("rule", [*UNMETERED, *ACCOUNT], ids=lambda rule: rule.paths[0])
def test_every_rule_has_a_reason_and_a_vendor_of_ours(rule: Rule) -> None:
    assert len(rule.why) > 20
    assert rule.vendors is None or rule.vendors <= set(load_catalog().ids)
    assert all(path.startswith("/") for path in (*rule.paths, *rule.but))


def test_every_rule_is_needed() -> None:
    """Each of them refuses one of the calls above; else it is a guess."""
    refused = [case for case in CASES if case[1] in (REFUSED, ACCOUNTED)]
    for rules in (UNMETERED, ACCOUNT):
        for rule in rules:
            vendors = rule.vendors or load_catalog().ids
            paths = [route(vendor, path).path.rest for vendor, _, path in refused if vendor in vendors]
            assert any(rule_for((rule,), path, next(iter(vendors))) for path in paths), rule.why
