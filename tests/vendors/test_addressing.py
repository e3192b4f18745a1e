"""Base URL and path: joined once, in every way clients write them, and never leaving the host."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.addressing import BadPathError, NoBaseUrlError, Target, take_apart, target
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.dialects import recognise


def locate(
    vendor_id: str,
    path: str,
    base_url: str | None = None,
    *,
    method: str = "POST",
    api_type: str | None = None,
    secret: str = "k",
) -> Target:
    vendor = load_catalog().vendors[vendor_id]
    call = take_apart(vendor, path)
    dialect = recognise(method, call.rest)
    return target(vendor, call, dialect, base_url=base_url, api_type=api_type, secret=secret)


@pytest.mark.parametrize(
    ("vendor", "path", "url"),
    [
        ("openai", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("openai", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("openai", "/v1/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("deepseek", "/v1/chat/completions", "https://api.deepseek.com/chat/completions"),
        ("deepseek", "/v1/messages", "https://api.deepseek.com/anthropic/v1/messages"),
        ("deepseek", "/anthropic/v1/messages", "https://api.deepseek.com/anthropic/v1/messages"),
        ("groq", "/openai/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
        ("fireworks", "/v1/chat/completions", "https://api.fireworks.ai/inference/v1/chat/completions"),
        ("perplexity", "/v1/chat/completions", "https://api.perplexity.ai/chat/completions"),
        ("zhipu", "/v1/chat/completions", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("zhipu", "/api/paas/v4/chat/completions", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("anthropic", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "/messages", "https://api.anthropic.com/v1/messages"),
        (
            "google",
            "/v1/models/g:generateContent",
            "https://generativelanguage.googleapis.com/v1/models/g:generateContent",
        ),
        (
            "google",
            "/models/g:generateContent",
            "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent",
        ),
        ("cohere", "/v2/chat", "https://api.cohere.com/v2/chat"),
        ("ollama", "/v1/chat/completions", "http://localhost:11434/v1/chat/completions"),
        ("openrouter", "/api/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    ],
)
def test_the_vendors_own_address(vendor: str, path: str, url: str) -> None:
    assert locate(vendor, path).url == url


@pytest.mark.parametrize(
    ("vendor", "path", "url"),
    [
        ("anthropic", "/v1/models", "https://api.anthropic.com/v1/models"),
        ("perplexity", "/v1/models", "https://api.perplexity.ai/v1/models"),
        ("ollama", "/api/tags", "http://localhost:11434/api/tags"),
        ("ollama", "/v1/models", "http://localhost:11434/v1/models"),
    ],
)
def test_paths_of_no_dialect(vendor: str, path: str, url: str) -> None:
    assert locate(vendor, path, method="GET").url == url


@pytest.mark.parametrize(
    ("vendor", "path", "base", "url"),
    [
        ("moonshot", "/chat/completions", "https://api.moonshot.cn/v1", "https://api.moonshot.cn/v1/chat/completions"),
        ("moonshot", "/v1/messages", "https://api.moonshot.cn/v1", "https://api.moonshot.cn/anthropic/v1/messages"),
        ("openai", "/chat/completions", "http://127.0.0.1:9", "http://127.0.0.1:9/v1/chat/completions"),
        ("openai", "/v1/chat/completions", "https://gw.example/x/", "https://gw.example/x/v1/chat/completions"),
        ("anthropic", "/v1/messages", "http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1/messages"),
        ("custom", "/v1/chat/completions", "https://h/v1", "https://h/v1/chat/completions"),
        ("custom", "/v1/chat/completions", "https://h", "https://h/v1/chat/completions"),
        ("custom", "/chat/completions", "https://h/a", "https://h/a/chat/completions"),
        ("ollama", "/api/chat", "http://h:1/v1", "http://h:1/api/chat"),
        (
            "azure-openai",
            "/openai/deployments/d/chat/completions",
            "https://r.openai.azure.com",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions",
        ),
        (
            "azure-openai",
            "/chat/completions",
            "https://r.openai.azure.com/openai/v1",
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
    ],
)  # fmt: skip
def test_the_keys_own_address(vendor: str, path: str, base: str, url: str) -> None:
    assert locate(vendor, path, base).url == url


def test_where_the_key_goes() -> None:
    assert locate("anthropic", "/v1/messages").auth.header == "x-api-key"
    assert locate("anthropic", "/v1/messages", secret="sk-ant-oat01-x").auth.prefix == "Bearer "
    assert locate("google", "/v1/models/g:generateContent").auth.header == "x-goog-api-key"
    assert locate("google", "/chat/completions").auth.header == "Authorization"
    custom = locate("custom", "/v1/messages", "https://h", api_type="anthropic-messages")
    assert custom.auth.header == "x-api-key"


def test_no_address() -> None:
    with pytest.raises(NoBaseUrlError):
        locate("custom", "/chat/completions")
    with pytest.raises(NoBaseUrlError):
        locate("azure-openai", "/chat/completions")


@pytest.mark.parametrize(
    "path",
    [
        "/../x",
        "/a/..",
        "/%2e%2e/x",
        "/..%2fx",
        "/%252e%252e/x",
        "/a\\..\\b",
        "/a b",
        "/a\nb",
        "/a%00b",
        "/é",
        "/a?b",
        "/v1" * 5000,
    ],
)
def test_tricks(path: str) -> None:
    with pytest.raises(BadPathError):
        take_apart(load_catalog().get("openai"), path)


@given(
    vendor_id=st.sampled_from([one for one in load_catalog().ids if one not in ("custom", "azure-openai")]),
    path=st.text("/:@.?#%2eEfF\\ab1v-_~[]{}", max_size=40),
    method=st.sampled_from(["GET", "POST"]),
)
def test_the_host_is_always_the_vendors(vendor_id: str, path: str, method: str) -> None:
    vendor = load_catalog().vendors[vendor_id]
    hosts = {urlsplit(one.base_url)[:2] for one in vendor.endpoints}
    try:
        call = take_apart(vendor, "/" + path)
    except BadPathError:
        return
    found = target(vendor, call, recognise(method, call.rest))
    assert urlsplit(found.url)[:2] in hosts
    assert "?" not in found.url
