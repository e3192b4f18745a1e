"""The system persona templates: complete, equal in both languages, and of a useful size."""

import re
from pathlib import Path

import pytest

from clawbot_manager.control.bots.schemas import Persona
from clawbot_manager.control.personas.catalogue import (
    LOCALES,
    PersonaSeed,
    TemplateLocale,
    load_templates,
    parse_templates,
)
from clawbot_manager.control.personas.schemas import PersonaTemplateOut

SLUGS = [
    "helpful-assistant",
    "creative-writer",
    "code-helper",
    "language-tutor",
    "life-coach",
    "research-analyst",
    "storyteller",
    "tech-support",
    "debate-partner",
    "study-buddy",
    "customer-service-agent",
    "product-manager",
    "data-analyst",
    "marketing-copywriter",
]
ONE = """
[[persona]]
slug = "a"
name = "A"
emoji = "🅰️"
tagline = "t"
soul_markdown = "s"
"""
SEEDS = load_templates()
HAN = re.compile(r"[一-鿿]")


def of(locale: TemplateLocale) -> list[PersonaSeed]:
    return [seed for seed in SEEDS if seed.locale == locale]


@pytest.mark.parametrize("locale", LOCALES)
def test_all_fourteen_are_there_once_in_order(locale: TemplateLocale) -> None:
    assert [seed.slug for seed in of(locale)] == SLUGS


@pytest.mark.parametrize("field", ["name", "emoji", "tagline", "soul_markdown"])
@pytest.mark.parametrize("locale", LOCALES)
def test_no_text_is_used_twice(locale: TemplateLocale, field: str) -> None:
    values = [getattr(seed, field) for seed in of(locale)]
    assert len(set(values)) == len(values)


def test_the_sign_of_a_template_is_the_same_in_every_language() -> None:
    assert [seed.emoji for seed in of("en")] == [seed.emoji for seed in of("zh-CN")]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.locale}-{seed.slug}")
def test_the_soul_has_its_four_parts_and_a_useful_length(seed: PersonaSeed) -> None:
    headings = re.findall(r"^# (.+)$", seed.soul_markdown, re.MULTILINE)
    if seed.locale == "en":
        assert headings == ["Role", "Voice", "How you answer", "Limits"]
        assert 120 <= len(seed.soul_markdown.split()) <= 300
        assert not HAN.search(seed.soul_markdown + seed.name + seed.tagline)
    else:
        assert headings == ["角色", "语气", "如何回答", "边界"]
        assert 200 <= len(HAN.findall(seed.soul_markdown)) <= 500
        assert HAN.search(seed.name)
        assert HAN.search(seed.tagline)
    assert 10 <= len(seed.tagline) <= 500


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.locale}-{seed.slug}")
def test_a_template_fits_the_api_and_a_bot(seed: PersonaSeed) -> None:
    assert set(PersonaTemplateOut.model_fields) - {"id", "is_system"} == set(PersonaSeed.__slots__)
    persona = Persona(name=seed.name, soul_markdown=seed.soul_markdown, emoji=seed.emoji)
    assert persona.soul_markdown == seed.soul_markdown


def test_seeds_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SEEDS[0].name = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE + ONE, "more than once: a"),
        (ONE.replace('tagline = "t"\n', ""), "en.toml, a: the fields must be"),
        (ONE + 'extra = "x"\n', "en.toml, a: the fields must be"),
        (ONE.replace('"t"', '"  "'), "not empty"),
        (ONE.replace('"t"', "3"), "not empty"),
        (ONE.replace('"t"', f'"{"t" * 501}"'), "tagline is longer than 500"),
    ],
)
def test_a_wrong_file_is_refused_and_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_templates(text, "en")


def test_languages_that_drift_apart_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "en.toml").write_text(ONE, encoding="utf-8")
    (tmp_path / "templates" / "zh-CN.toml").write_text(ONE.replace('"a"', '"b"'), encoding="utf-8")
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=r"zh-CN\.toml: the slugs or their order differ from en\.toml"):
        load_templates()
