"""Which host a key's call goes to: the international and the Chinese one, plans, and regions."""

from __future__ import annotations

import pytest

from clawbot_manager.vendors.addressing import take_apart, target
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.dialects import recognise
from tests.fakes.upstream.vendors import RECORDED
from tests.vendors.recorded.calls import CALLS, MODELS

CHAT, MESSAGES, RESPONSES = "/chat/completions", "/v1/messages", "/responses"

# vendor, the key's base URL (None = the vendor's own), the client's path, the whole address
PLACES: tuple[tuple[str, str | None, str, str], ...] = (
    ("openai", None, CHAT, "https://api.openai.com/v1/chat/completions"),
    ("openai", "https://eu.api.openai.com/v1", CHAT, "https://eu.api.openai.com/v1/chat/completions"),
    ("openai", "https://us.api.openai.com", CHAT, "https://us.api.openai.com/v1/chat/completions"),
    ("anthropic", None, MESSAGES, "https://api.anthropic.com/v1/messages"),
    (
        "google",
        None,
        "/v1beta/models/m:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    ),
    ("deepseek", None, CHAT, "https://api.deepseek.com/chat/completions"),
    ("deepseek", None, MESSAGES, "https://api.deepseek.com/anthropic/v1/messages"),
    ("deepseek", "https://api.deepseek.com", MESSAGES, "https://api.deepseek.com/anthropic/v1/messages"),
    ("groq", None, "/openai/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
    (
        "azure-openai",
        "https://mine.openai.azure.com",
        CHAT,
        "https://mine.openai.azure.com/openai/v1/chat/completions",
    ),
    (
        "azure-openai",
        "https://mine.openai.azure.com/",
        "/openai/deployments/dep/chat/completions",
        "https://mine.openai.azure.com/openai/deployments/dep/chat/completions",
    ),
    (
        "azure-openai",
        "https://mine.services.ai.azure.com",
        "/anthropic/v1/messages",
        "https://mine.services.ai.azure.com/anthropic/v1/messages",
    ),
    ("mistral", None, "/v1/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    ("mistral", "https://api.eu.mistral.ai/v1", CHAT, "https://api.eu.mistral.ai/v1/chat/completions"),
    ("mistral", "https://api.us.mistral.ai", CHAT, "https://api.us.mistral.ai/v1/chat/completions"),
    ("openrouter", None, MESSAGES, "https://openrouter.ai/api/v1/messages"),
    ("together", None, CHAT, "https://api.together.ai/v1/chat/completions"),
    (
        "together",
        "https://api-inference.together.ai/v1",
        "/v1/chat/completions",
        "https://api-inference.together.ai/v1/chat/completions",
    ),
    ("fireworks", None, MESSAGES, "https://api.fireworks.ai/inference/v1/messages"),
    ("perplexity", None, CHAT, "https://api.perplexity.ai/chat/completions"),
    ("perplexity", None, "/v1/responses", "https://api.perplexity.ai/v1/responses"),
    ("cohere", None, "/v2/chat", "https://api.cohere.com/v2/chat"),
    ("cohere", None, CHAT, "https://api.cohere.ai/compatibility/v1/chat/completions"),
    ("zhipu", None, CHAT, "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
    ("zhipu", "https://api.z.ai/api/paas/v4", CHAT, "https://api.z.ai/api/paas/v4/chat/completions"),
    ("zhipu", "https://api.z.ai/api/paas/v4", MESSAGES, "https://api.z.ai/api/anthropic/v1/messages"),
    ("zhipu", "https://api.z.ai", MESSAGES, "https://api.z.ai/api/anthropic/v1/messages"),
    (
        "zhipu",
        "https://api.z.ai/api/coding/paas/v4",
        CHAT,
        "https://api.z.ai/api/coding/paas/v4/chat/completions",
    ),
    ("zhipu", None, RESPONSES, "https://open.bigmodel.cn/api/v1/responses"),
    ("moonshot", None, CHAT, "https://api.moonshot.ai/v1/chat/completions"),
    ("moonshot", "https://api.moonshot.cn/v1", CHAT, "https://api.moonshot.cn/v1/chat/completions"),
    ("moonshot", "https://api.moonshot.cn/v1", RESPONSES, "https://api.moonshot.cn/v1/responses"),
    ("moonshot", "https://api.moonshot.cn/v1", MESSAGES, "https://api.moonshot.cn/anthropic/v1/messages"),
    ("moonshot", "https://api.kimi.com/coding/v1", MESSAGES, "https://api.kimi.com/coding/v1/messages"),
    ("moonshot", "https://api.kimi.com/coding/v1", CHAT, "https://api.kimi.com/coding/v1/chat/completions"),
    ("baichuan", None, CHAT, "https://api.baichuan-ai.com/v1/chat/completions"),
    ("dashscope", None, CHAT, "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"),
    (
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        CHAT,
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
    ),
    (
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        MESSAGES,
        "https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages",
    ),
    (
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "/api/v1/services/aigc/text-generation/generation",
        "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
    ),
    (
        "dashscope",
        "https://ws-1.cn-beijing.maas.aliyuncs.com",
        "/compatible-mode/v1/chat/completions",
        "https://ws-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1/chat/completions",
    ),
    (
        "dashscope",
        "https://ws-1.cn-beijing.maas.aliyuncs.com",
        MESSAGES,
        "https://ws-1.cn-beijing.maas.aliyuncs.com/apps/anthropic/v1/messages",
    ),
    (
        "dashscope",
        "https://coding.dashscope.aliyuncs.com/v1",
        CHAT,
        "https://coding.dashscope.aliyuncs.com/v1/chat/completions",
    ),
    ("stepfun", None, CHAT, "https://api.stepfun.com/v1/chat/completions"),
    ("stepfun", "https://api.stepfun.ai/v1", CHAT, "https://api.stepfun.ai/v1/chat/completions"),
    (
        "stepfun",
        "https://api.stepfun.ai/step_plan/v1",
        MESSAGES,
        "https://api.stepfun.ai/step_plan/v1/messages",
    ),
    ("doubao", None, CHAT, "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
    ("doubao", None, MESSAGES, "https://ark.cn-beijing.volces.com/api/compatible/v1/messages"),
    (
        "doubao",
        "https://ark.ap-southeast.bytepluses.com/api/v3",
        CHAT,
        "https://ark.ap-southeast.bytepluses.com/api/v3/chat/completions",
    ),
    (
        "doubao",
        "https://ark.cn-beijing.volces.com/api/coding/v3",
        MESSAGES,
        "https://ark.cn-beijing.volces.com/api/coding/v1/messages",
    ),
    ("minimax", None, CHAT, "https://api.minimax.io/v1/chat/completions"),
    ("minimax", "https://api.minimax.cn/v1", CHAT, "https://api.minimax.cn/v1/chat/completions"),
    ("minimax", "https://api.minimax.cn/v1", MESSAGES, "https://api.minimax.cn/anthropic/v1/messages"),
    ("minimax", "https://api.minimaxi.com/v1", CHAT, "https://api.minimaxi.com/v1/chat/completions"),
    ("yi", None, CHAT, "https://api.lingyiwanwu.com/v1/chat/completions"),
    ("yi", "https://api.01.ai/v1", CHAT, "https://api.01.ai/v1/chat/completions"),
    ("hunyuan", None, CHAT, "https://tokenhub.tencentmaas.com/v1/chat/completions"),
    (
        "hunyuan",
        "https://tokenhub-intl.tencentcloudmaas.com/v1",
        MESSAGES,
        "https://tokenhub-intl.tencentcloudmaas.com/v1/messages",
    ),
    (
        "hunyuan",
        "https://api.lkeap.cloud.tencent.com/plan/v3",
        MESSAGES,
        "https://api.lkeap.cloud.tencent.com/plan/anthropic/v1/messages",
    ),
    ("siliconflow", None, CHAT, "https://api.siliconflow.cn/v1/chat/completions"),
    (
        "siliconflow",
        "https://api.siliconflow.com/v1",
        CHAT,
        "https://api.siliconflow.com/v1/chat/completions",
    ),
    ("siliconflow", "https://api.siliconflow.com/v1", MESSAGES, "https://api.siliconflow.com/v1/messages"),
    ("venice", None, CHAT, "https://api.venice.ai/api/v1/chat/completions"),
    ("ollama", None, "/api/chat", "http://localhost:11434/api/chat"),
    ("ollama", "https://ollama.com", "/api/chat", "https://ollama.com/api/chat"),
    ("openai", "https://eu.api.openai.com/v1", RESPONSES, "https://eu.api.openai.com/v1/responses"),
    ("zhipu", "https://api.z.ai/api/paas/v4", "/embeddings", "https://api.z.ai/api/paas/v4/embeddings"),
    ("zhipu", "https://api.z.ai/api/paas/v4", RESPONSES, "https://api.z.ai/api/v1/responses"),
    ("minimax", "https://api.minimax.cn/v1", RESPONSES, "https://api.minimax.cn/v1/responses"),
    ("deepseek", "https://api.deepseek.com/anthropic", CHAT, "https://api.deepseek.com/chat/completions"),
    ("groq", "https://api.groq.com", CHAT, "https://api.groq.com/openai/v1/chat/completions"),
    ("anthropic", "https://api.anthropic.com/v1", MESSAGES, "https://api.anthropic.com/v1/messages"),
    ("ollama", "http://localhost:11434/v1", "/api/chat", "http://localhost:11434/api/chat"),
    ("custom", "https://llm.example/serving/v1", CHAT, "https://llm.example/serving/v1/chat/completions"),
    ("custom", "https://llm.example/serving", MESSAGES, "https://llm.example/serving/v1/messages"),
)


@pytest.mark.parametrize(("vendor_id", "base_url", "path", "address"), PLACES)
def test_host(vendor_id: str, base_url: str | None, path: str, address: str) -> None:
    vendor = load_catalog().get(vendor_id)
    assert vendor is not None
    call = take_apart(vendor, path)
    assert target(vendor, call, recognise("POST", call.rest), base_url=base_url).url == address


# vendor, the key's dialect (custom endpoints), the key, the client's path, the header and what stands before
KEY_PLACES: tuple[tuple[str, str | None, str, str, str, str], ...] = (
    ("openai", None, "sk-1", CHAT, "Authorization", "Bearer "),
    ("anthropic", None, "sk-ant-api03-1", MESSAGES, "x-api-key", ""),
    ("anthropic", None, "sk-ant-api03-1", CHAT, "Authorization", "Bearer "),
    ("anthropic", None, "sk-ant-oat01-1", MESSAGES, "Authorization", "Bearer "),
    ("google", None, "AQ.1", "/v1beta/models/m:generateContent", "x-goog-api-key", ""),
    ("google", None, "AQ.1", "/v1beta/openai/chat/completions", "Authorization", "Bearer "),
    ("azure-openai", None, "1", CHAT, "api-key", ""),
    ("azure-openai", None, "1", "/openai/deployments/d/chat/completions", "api-key", ""),
    ("deepseek", None, "sk-1", CHAT, "Authorization", "Bearer "),
    ("deepseek", None, "sk-1", MESSAGES, "x-api-key", ""),
    ("openrouter", None, "sk-or-1", MESSAGES, "Authorization", "Bearer "),
    ("fireworks", None, "fw_1", MESSAGES, "Authorization", "Bearer "),
    ("moonshot", None, "sk-1", MESSAGES, "Authorization", "Bearer "),
    ("ollama", None, "1", "/api/chat", "Authorization", "Bearer "),
    ("custom", "openai-chat", "1", CHAT, "Authorization", "Bearer "),
    ("custom", "anthropic-messages", "1", MESSAGES, "x-api-key", ""),
    ("custom", "google-generatecontent", "1", "/v1beta/models/m:generateContent", "x-goog-api-key", ""),
)


@pytest.mark.parametrize(("vendor_id", "api_type", "secret", "path", "header", "prefix"), KEY_PLACES)
def test_place_of_the_key(
    vendor_id: str, api_type: str | None, secret: str, path: str, header: str, prefix: str
) -> None:
    vendor = load_catalog().get(vendor_id)
    assert vendor is not None
    base_url = "https://mine.example" if vendor.needs_base_url else None
    call = take_apart(vendor, path)
    dialect = recognise("POST", call.rest)
    place = target(vendor, call, dialect, base_url=base_url, api_type=api_type, secret=secret).auth
    assert (place.header.lower(), place.prefix) == (header.lower(), prefix)


def test_both_hosts_are_here() -> None:
    """Every vendor with an international and a Chinese base has an address for each above."""
    hosts = {(vendor, address.split("/")[2]) for vendor, _, _, address in PLACES}
    for vendor_id in load_catalog().ids:
        vendor = load_catalog().get(vendor_id)
        assert vendor is not None
        for endpoint in vendor.endpoints:
            if endpoint.plan is None and "{" not in endpoint.base_url:
                assert (vendor_id, endpoint.base_url.split("/")[2]) in hosts


def test_every_vendor_and_dialect_is_here() -> None:
    catalog = load_catalog()
    assert set(RECORDED) == set(MODELS) == set(catalog.ids)
    for vendor_id in catalog.ids:
        vendor = catalog.get(vendor_id)
        assert vendor is not None
        assert {call.dialect for call in CALLS if call.vendor == vendor_id} == set(vendor.dialects)
