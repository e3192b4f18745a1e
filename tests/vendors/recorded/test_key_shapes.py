"""Keys of the shape that each vendor gives out: masked anywhere in a text, and known by their beginning."""

from __future__ import annotations

import re

import pytest

from clawbot_manager.infra.telemetry.redaction import MASK, Redactor
from clawbot_manager.vendors.catalog import load_catalog

_LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0hL"
_HEX = "0123456789abcdef" * 4

# A made-up key of each shape that the vendors' documents and SDKs show
SHAPES: dict[str, tuple[str, ...]] = {
    "openai": (
        f"sk-proj-{_LETTERS}_{_LETTERS}",
        f"sk-svcacct-{_LETTERS}",
        f"sk-admin-{_LETTERS}",
        f"sk-{_LETTERS}",
    ),
    "anthropic": (f"sk-ant-api03-{_LETTERS}-AA", f"sk-ant-oat01-{_LETTERS}", f"sk-ant-admin01-{_LETTERS}"),
    "google": (f"AIza{_LETTERS}abc", f"AQ.{_LETTERS}"),
    "deepseek": (f"sk-{_HEX[:32]}",),
    "groq": (f"gsk_{_LETTERS}",),
    "openrouter": (f"sk-or-v1-{_HEX}",),
    "together": (f"tgp_v1_{_LETTERS}",),
    "fireworks": (f"fw_{_LETTERS}", f"fpk_{_LETTERS}"),
    "perplexity": (f"pplx-{_LETTERS}{_LETTERS[:16]}",),
    "zhipu": (f"{_HEX[:32]}.{_LETTERS[:16]}",),
    "moonshot": (f"sk-{_LETTERS}",),
    "baichuan": (f"sk-{_HEX[:32]}",),
    "dashscope": (f"sk-{_HEX[:32]}", f"sk-sp-{_LETTERS}"),
    "minimax": (f"sk-api-{_LETTERS}", f"sk-cp-{_LETTERS}", f"eyJ{_LETTERS}.{_LETTERS}.{_LETTERS}"),
    "hunyuan": (f"sk-{_LETTERS}",),
    "siliconflow": (f"sk-{_HEX[:48]}",),
    "venice": (f"VENICE_INFERENCE_KEY_{_LETTERS}", f"VENICE_ADMIN_KEY_{_LETTERS}", f"vapi_{_LETTERS}"),
}
# nothing in these tells a key from any other word: only the header's name or the stored value does
SHAPELESS: dict[str, str] = {
    "azure-openai": _HEX[:32],
    "mistral": _LETTERS,
    "cohere": f"{_LETTERS}12345678",
    "stepfun": f"{_LETTERS}{_LETTERS}",
    "doubao": "01234567-89ab-cdef-0123-456789abcdef",
    "yi": _HEX[:32],
}
KEYS = [(vendor, one) for vendor, several in SHAPES.items() for one in several]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([one.pattern for one in load_catalog().redaction_patterns])


@pytest.mark.parametrize(("vendor_id", "secret"), KEYS)
def test_masked_in_a_text(redactor: Redactor, vendor_id: str, secret: str) -> None:
    text = f'the provider said: {{"error":"Incorrect API key provided: {secret}."}} and no more'
    masked = str(redactor(None, "info", {"event": text})["event"])
    assert not any(part in masked for part in re.split(r"[.]", secret) if len(part) > 8)
    assert MASK in masked
    assert masked.endswith("and no more")


@pytest.mark.parametrize(("vendor_id", "secret"), [*KEYS, *SHAPELESS.items()])
def test_masked_by_the_name_of_its_place(redactor: Redactor, vendor_id: str, secret: str) -> None:
    vendor = load_catalog().vendors[vendor_id]
    header = vendor.auth.header.lower()
    event = {"event": "sent", "headers": [(header, vendor.auth.prefix + secret)], header: secret}
    assert secret not in repr(redactor(None, "info", event))


@pytest.mark.parametrize(("vendor_id", "secret"), [*KEYS, *SHAPELESS.items()])
def test_the_catalogue_knows_the_shape(vendor_id: str, secret: str) -> None:
    vendor = load_catalog().vendors[vendor_id]
    assert vendor.key_pattern is not None
    assert re.fullmatch(vendor.key_pattern, secret) is not None
    if vendor.key_prefixes:
        assert secret.startswith(vendor.key_prefixes)


def test_every_vendor_with_keys_is_here() -> None:
    assert {*SHAPES, *SHAPELESS} == set(load_catalog().ids) - {"ollama", "custom"}
