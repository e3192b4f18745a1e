"""A key's base URL names a region and a plan, and every call stays there: another plan would be billed."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
import pytest

from clawbot_manager.vendors.addressing import NotInPlanError, Target, other_places, take_apart, target
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.dialects import recognise
from clawbot_manager.vendors.records import Vendor
from tests.fakes.ports import key
from tests.fakes.upstream import RecordedUpstream
from tests.proxy.conftest import SECRET, TOKEN, World
from tests.vendors.recorded.calls import BODIES
from tests.vendors.recorded.calls import CHAT as CHAT_DIALECT

CHAT, MESSAGES, RESPONSES, EMBEDDINGS = "/chat/completions", "/v1/messages", "/responses", "/embeddings"
GENERATION = "/api/v1/services/aigc/text-generation/generation"
ARK, BYTEPLUS = "https://ark.cn-beijing.volces.com", "https://ark.ap-southeast.bytepluses.com"
KIMI, ZAI = "https://api.kimi.com", "https://api.z.ai"
QWEN, QWEN_PLAN = "https://coding.dashscope.aliyuncs.com", "https://token-plan.cn-beijing.maas.aliyuncs.com"
HUB, HUB_INTL = "https://tokenhub.tencentmaas.com", "https://tokenhub-intl.tencentcloudmaas.com"
LKEAP, OLD_HUNYUAN = "https://api.lkeap.cloud.tencent.com", "https://api.hunyuan.cloud.tencent.com"
STEP, STEP_INTL = "https://api.stepfun.com", "https://api.stepfun.ai"
MINE, APIM = "https://mine.openai.azure.com", "https://apim.azure-api.net/team"


def locate(vendor_id: str, base_url: str | None, path: str, method: str = "POST") -> Target:
    vendor = load_catalog().vendors[vendor_id]
    call = take_apart(vendor, path)
    return target(vendor, call, recognise(method, call.shape), base_url=base_url, secret="k")


@pytest.mark.parametrize(
    ("vendor", "base_url", "path", "address"),
    [
        # Volcengine: the general base URL bills a coding plan's calls outside the plan
        ("doubao", f"{ARK}/api/coding/v3", CHAT, f"{ARK}/api/coding/v3/chat/completions"),
        ("doubao", f"{ARK}/api/coding/v3", MESSAGES, f"{ARK}/api/coding/v1/messages"),
        ("doubao", f"{ARK}/api/coding/v3", RESPONSES, f"{ARK}/api/coding/v3/responses"),
        ("doubao", f"{ARK}/api/coding", CHAT, f"{ARK}/api/coding/v3/chat/completions"),
        ("doubao", f"{ARK}/api/coding", "/api/v3/chat/completions", f"{ARK}/api/coding/v3/chat/completions"),
        ("doubao", f"{ARK}/api/coding/v3", EMBEDDINGS, f"{ARK}/api/coding/v3/embeddings"),
        ("doubao", f"{ARK}/api/plan", MESSAGES, f"{ARK}/api/plan/v1/messages"),
        ("doubao", f"{BYTEPLUS}/api/coding", MESSAGES, f"{BYTEPLUS}/api/coding/v1/messages"),
        ("doubao", None, "/api/coding/v3/chat/completions", f"{ARK}/api/v3/chat/completions"),
        ("moonshot", f"{KIMI}/coding/v1", RESPONSES, f"{KIMI}/coding/v1/responses"),
        ("moonshot", f"{KIMI}/coding", CHAT, f"{KIMI}/coding/v1/chat/completions"),
        ("moonshot", f"{KIMI}/coding", "/v1/models", f"{KIMI}/coding/v1/models"),
        ("moonshot", None, "/coding/v1/models", "https://api.moonshot.ai/v1/models"),
        ("zhipu", f"{ZAI}/api/coding/paas/v4", MESSAGES, f"{ZAI}/api/anthropic/v1/messages"),
        ("zhipu", f"{ZAI}/api/coding/paas/v4", EMBEDDINGS, f"{ZAI}/api/coding/paas/v4/embeddings"),
        ("zhipu", f"{ZAI}/api/coding/paas/v4", RESPONSES, f"{ZAI}/api/coding/paas/v4/responses"),
        ("dashscope", f"{QWEN}/v1", MESSAGES, f"{QWEN}/apps/anthropic/v1/messages"),
        ("dashscope", f"{QWEN}/v1", RESPONSES, f"{QWEN}/v1/responses"),
        ("dashscope", f"{QWEN_PLAN}/compatible-mode/v1", GENERATION, f"{QWEN_PLAN}{GENERATION}"),
        ("stepfun", f"{STEP}/step_plan/v1", MESSAGES, f"{STEP}/step_plan/v1/messages"),
        ("stepfun", f"{STEP_INTL}/step_plan", CHAT, f"{STEP_INTL}/step_plan/v1/chat/completions"),
        # Tencent: three platforms, each with keys of its own
        ("hunyuan", None, MESSAGES, f"{HUB}/v1/messages"),
        ("hunyuan", f"{HUB_INTL}/v1", MESSAGES, f"{HUB_INTL}/v1/messages"),
        ("hunyuan", HUB_INTL, CHAT, f"{HUB_INTL}/v1/chat/completions"),
        ("hunyuan", f"{LKEAP}/plan/anthropic", CHAT, f"{LKEAP}/plan/v3/chat/completions"),
        ("hunyuan", f"{OLD_HUNYUAN}/v1", MESSAGES, f"{OLD_HUNYUAN}/anthropic/v1/messages"),
        # the other name of a host is kept, whatever is called
        (
            "minimax",
            "https://api.minimaxi.com/v1",
            MESSAGES,
            "https://api.minimaxi.com/anthropic/v1/messages",
        ),
        (
            "hunyuan",
            "https://tokenhub.tencentcloudmaas.com/v1",
            MESSAGES,
            "https://tokenhub.tencentcloudmaas.com/v1/messages",
        ),
        ("ollama", "https://ollama.com/api", "/api/chat", "https://ollama.com/api/chat"),
        ("ollama", "https://ollama.com", CHAT, "https://ollama.com/v1/chat/completions"),
        ("ollama", "https://ollama.com", MESSAGES, "https://ollama.com/v1/messages"),
    ],
)
def test_it_stays_in_its_plan(vendor: str, base_url: str | None, path: str, address: str) -> None:
    assert locate(vendor, base_url, path).url == address


@pytest.mark.parametrize(
    ("vendor", "base_url", "path"),
    [
        ("doubao", f"{ARK}/api/plan", CHAT),
        ("doubao", f"{ARK}/api/plan", RESPONSES),
        ("doubao", f"{ARK}/api/plan", EMBEDDINGS),
        ("doubao", f"{BYTEPLUS}/api/coding", CHAT),
    ],
)
def test_what_only_another_plan_serves(vendor: str, base_url: str, path: str) -> None:
    with pytest.raises(NotInPlanError):
        locate(vendor, base_url, path)


async def test_what_the_client_is_told(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    """Nothing is sent, and the next key is tried: its base URL may serve what this one's does not."""
    upstream.vendor = "doubao"
    agent = key("doubao", SECRET, base_url=f"{ARK}/api/plan")
    world.keys.keys.append(agent)
    headers = {"authorization": f"Bearer {TOKEN}"}
    path = "/api/v1/doubao/api/v3/chat/completions"
    refused = await http.post(path, json=BODIES[CHAT_DIALECT], headers=headers)
    assert (refused.status, refused.headers["x-clawbot-error"]) == (404, "not_in_plan")
    assert not upstream.seen
    usual = world.add_key("doubao")
    answered = await http.post(path, json=BODIES[CHAT_DIALECT], headers=headers)
    assert (answered.status, upstream.complaints) == (200, [])
    await world.settled(2)
    attempts = [(one.key_id, one.reason) for one in world.usage.records[1].attempts]
    assert attempts == [(agent.key_id, "not_in_plan"), (usual.key_id, None)]


@pytest.mark.parametrize(
    ("base_url", "path", "address"),
    [
        (MINE, "/openai/responses", f"{MINE}/openai/responses"),
        (MINE, "/openai/v1/responses", f"{MINE}/openai/v1/responses"),
        (MINE, "/openai/files", f"{MINE}/openai/files"),
        (f"{MINE}/openai/v1", "/openai/deployments/d/embeddings", f"{MINE}/openai/deployments/d/embeddings"),
        (f"{MINE}/openai", CHAT, f"{MINE}/openai/v1/chat/completions"),
        (MINE, "/openai/deployments/d/images/generations", f"{MINE}/openai/deployments/d/images/generations"),
        (APIM, "/openai/deployments/d/chat/completions", f"{APIM}/openai/deployments/d/chat/completions"),
        (APIM, "/openai/v1/chat/completions", f"{APIM}/openai/v1/chat/completions"),
        (f"{APIM}/openai", "/openai/deployments/d/embeddings", f"{APIM}/openai/deployments/d/embeddings"),
        (APIM, "/anthropic/v1/messages", f"{APIM}/anthropic/v1/messages"),
        (
            "https://mine.services.ai.azure.com/anthropic",
            CHAT,
            "https://mine.services.ai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://mine.cognitiveservices.azure.com",
            "/openai/deployments/d/chat/completions",
            "https://mine.cognitiveservices.azure.com/openai/deployments/d/chat/completions",
        ),
    ],
)
def test_azure(base_url: str, path: str, address: str) -> None:
    """Its two APIs next to each other, on a resource's host and behind a gateway with a path of its own."""
    assert locate("azure-openai", base_url, path).url == address


def test_the_key_goes_where_that_plan_wants_it() -> None:
    assert locate("hunyuan", f"{OLD_HUNYUAN}/v1", MESSAGES).auth.header == "x-api-key"
    assert locate("hunyuan", f"{LKEAP}/plan/v3", MESSAGES).auth.header == "Authorization"


PATHS = (CHAT, MESSAGES, RESPONSES, EMBEDDINGS, GENERATION, "/api/chat", "/v2/chat", "/v1/models", "/rerank")


@pytest.mark.parametrize("vendor", load_catalog().vendors.values(), ids=lambda one: one.id)
def test_no_path_of_a_client_leaves_the_keys_region_and_plan(vendor: Vendor) -> None:
    """Each of the vendor's base URLs as the key's own, and each of their paths before the client's."""
    bases = {one.base_url for one in vendor.endpoints if "{" not in one.base_url}
    prefixes = {urlsplit(base).path for base in bases} | {""}
    for base in bases:
        named = regions(vendor, base)
        for path in (prefix + path for prefix in prefixes for path in PATHS):
            try:
                url = locate(vendor.id, base, path).url
            except NotInPlanError:
                continue
            reached = max((one for one in bases if url.startswith(f"{one}/")), key=len, default=base)
            assert regions(vendor, reached) & named, (base, path, url)


def regions(vendor: Vendor, base: str) -> set[tuple[str, str | None]]:
    """The regions and plans that have this base URL."""
    return {(one.region, one.plan) for one in vendor.endpoints if one.base_url == base}


@pytest.mark.parametrize(
    ("vendor", "base_url", "others"),
    [
        ("moonshot", None, ("https://api.moonshot.cn/v1", f"{KIMI}/coding/v1")),
        ("moonshot", "https://api.moonshot.cn/v1/", ("https://api.moonshot.ai/v1", f"{KIMI}/coding/v1")),
        ("minimax", "https://api.minimaxi.com/v1", ("https://api.minimax.io/v1",)),
        (
            "doubao",
            f"{ARK}/api/v3",
            (f"{ARK}/api/coding/v3", f"{BYTEPLUS}/api/v3", f"{ARK}/api/plan", f"{BYTEPLUS}/api/coding"),
        ),
        ("siliconflow", None, ("https://api.siliconflow.com/v1",)),
        ("deepseek", None, ()),
        ("moonshot", "https://gateway.example/v1", ()),
        ("azure-openai", MINE, ()),
        ("custom", None, ()),
    ],
)
def test_where_a_refused_key_may_belong(vendor: str, base_url: str | None, others: tuple[str, ...]) -> None:
    assert other_places(load_catalog().vendors[vendor], base_url) == others
