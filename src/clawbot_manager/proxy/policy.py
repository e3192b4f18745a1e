"""Which calls are not served, and why: all of it is data, to be read from top to bottom.

Every call that is served leaves a usage record and counts as a request; a dialect, or the reader of last
resort, reads from its answer what it cost. What is listed here costs money that no such answer tells, or
gives the bot something that it must not have. The paths come from the vendors' SDKs and documents; they are
written without base path and version. `{}` is one segment, `/**` the path itself and all below it, `*` any
characters of a segment.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths that are not served, but for some, and why. `vendors`: with these only. `always`: no setting
    lifts it.
    """

    why: str
    paths: tuple[str, ...]
    but: tuple[str, ...] = ()
    vendors: frozenset[str] | None = None
    always: bool = False


# Writing only: what is there already may be read.
UNMETERED: tuple[Rule, ...] = (
    Rule(
        "batches run for hours, and their results are read elsewhere",
        (
            "/batches/**",
            "/batch/**",
            "/messages/batches/**",
            "/embed-jobs/**",
            "/models/{}:batchGenerate*",
            "/models/{}:asyncBatch*",
            "/tunedModels/{}:batchGenerate*",
            "/batchPredictionJobs/**",
            "/accounts/{}/batchInferenceJobs/**",
        ),
    ),
    Rule(
        "training and evaluation run for hours",
        (
            "/fine_tuning/**",
            "/fine-tuning/**",
            "/fine-tunes/**",
            "/finetuning/**",
            "/tuningJobs/**",
            "/tunedModels",
            "/jobs/**",
            "/evals/**",
            "/evaluation/**",
            "/evaluations/**",
        ),
    ),
    Rule(
        "the answer only says that work has begun",
        ("/async/**", "/queue/**", "/t2a_async_v2", "/services/audio/asr/**", "/context/create"),
    ),
    Rule(
        "films are made in the background, and billed by the second",
        (
            "/videos/**",
            "/video/**",
            "/video_generation",
            "/contents/generations/tasks/**",
            "/services/aigc/video-generation/**",
            "/services/aigc/image2video/**",
            "/models/{}:predictLongRunning",
        ),
    ),
    Rule(
        "agents go on by themselves, and call models as they like",
        ("/assistants/**", "/threads/**", "/browser/sessions/**"),
    ),
    Rule(
        "agents go on by themselves, and call models as they like",
        ("/agents/**", "/sessions/**", "/environments/**", "/dreams/**", "/triggers/**"),
        vendors=frozenset({"openai", "azure-openai", "anthropic", "google"}),
    ),
    Rule(
        "workflows, judges and indexes go on by themselves, and call models as they like",
        (
            "/workflows/**",
            "/triggers/**",
            "/observability/**",
            "/rag/**",
            "/libraries/**",
            "/context/search-indexes/**",
            "/audio/agents/**",
        ),
        vendors=frozenset({"mistral"}),
    ),
    Rule(
        "storage and machines are billed by time, until somebody ends them",
        (
            "/containers/**",
            "/vector_stores/**",
            "/fileSearchStores/**",
            "/upload/{}/fileSearchStores/**",
            "/upload/fileSearchStores/**",
            "/corpora/**",
            "/cachedContents/**",
            "/caching/**",
            "/knowledge/**",
            "/tci/**",
            "/compute/**",
        ),
    ),
    Rule(
        "storage and machines are billed by time, until somebody ends them",
        ("/endpoints/**", "/deployments/**", "/accounts/**", "/models"),
        vendors=frozenset({"together", "fireworks", "anthropic"}),
    ),
    Rule(
        "a voice is billed once, and no answer says so",
        ("/voice_clone", "/voice_design", "/voice/clone", "/services/audio/tts/customization"),
    ),
    Rule(
        "it changes what others find on the server",
        ("/api/pull", "/api/push", "/api/create", "/api/delete", "/api/copy", "/api/blobs/**"),
    ),
    Rule(
        "sessions that go past the proxy: WebRTC, telephones",
        ("/realtime/**", "/realtimeapi/**", "/live/**", "/audio/sessions/**", "/models/{}:bidi*"),
    ),
    Rule(
        "a key for clients that go past the proxy",
        (
            "/realtime/sessions/**",
            "/realtime/client_secrets/**",
            "/realtime/transcription_sessions/**",
            "/realtime/translations/client_secrets/**",
            "/realtimeapi/sessions/**",
            "/client/sessions/**",
            "/chatkit/sessions/**",
            "/auth_tokens/**",
        ),
        always=True,
    ),
    Rule(
        "another door to the same calls, in a form that nothing here reads",
        ("/$rpc/**", "/google.*/**"),
        always=True,
    ),
)

# Not even reading: what comes back could be another key.
ACCOUNT: tuple[Rule, ...] = (
    Rule(
        "keys, people and secrets of the account behind the provider key",
        (
            "/organization/**",
            "/organizations/**",
            "/keys/**",
            "/api_keys/**",
            "/auth/**",
            "/oauth/**",
            "/byok/**",
            "/scim/**",
            "/tokens/**",
            "/vault/**",
            "/vaults/**",
            "/tunnels/**",
            "/service-accounts/**",
            "/workspaces/**",
            "/external-users/**",
            "/user_profiles/**",
            "/webhook_endpoints/**",
            "/webhooks/**",
            "/accounts/{}/secrets/**",
            "/accounts/{}/users/**",
            "/accounts/{}/apiKeys/**",
            "/accounts/{}/apikeys/**",
            "/deployments/secrets/**",
            "/deployments/users/**",
            "/deployments/apiKeys/**",
            "/deployments/apikeys/**",
        ),
        but=("/api_keys/rate_limits/**",),  # Venice tells limits and balance there
    ),
)

# Headers that turn a call into another one: DashScope's makes a job of it, Google's takes another method.
JOB_HEADER = b"x-dashscope-async"
METHOD_HEADERS = frozenset((b"x-http-method-override", b"x-http-method", b"x-method-override"))


def rule_for(rules: tuple[Rule, ...], path: str, vendor: str) -> Rule | None:
    """The first rule that the path falls under; one that always holds goes before others."""
    found = None
    for rule, pattern in _patterns(rules):
        if (rule.vendors is None or vendor in rule.vendors) and pattern.fullmatch(path) is not None:
            if rule.always:
                return rule
            found = found or rule
    return found


@lru_cache(maxsize=8)
def _patterns(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, "re.Pattern[str]"], ...]:
    return tuple((rule, re.compile(_not(rule.but) + f"(?:{_any_of(rule.paths)})")) for rule in rules)


def _not(paths: Iterable[str]) -> str:
    return f"(?!(?:{_any_of(paths)})$)" if paths else ""


def _any_of(paths: Iterable[str]) -> str:
    return "|".join(map(_of_template, paths))


def _of_template(path: str) -> str:
    plain, _, below = path.partition("/**")
    assert not below, path
    place, colon, call = plain.partition(":")
    pattern = re.escape(place).replace(r"\{\}", "[^/]+").replace(r"\*", "[^/]*")
    if colon:  # a method of Google's: their case may not matter
        pattern += ":(?i:" + re.escape(call).replace(r"\*", "[^/]*") + ")"
    return pattern + ("(?:/.*)?" if path.endswith("/**") else "")
