"""The system persona templates, as data that ships with the package."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, get_args

TemplateLocale = Literal["en", "zh-CN"]

LOCALES: tuple[TemplateLocale, ...] = get_args(TemplateLocale)
LONGEST_TAGLINE = 500
LONGEST_SOUL = 20_000
_FIELDS = {"slug", "name", "emoji", "tagline", "soul_markdown"}


@dataclass(frozen=True, slots=True)
class PersonaSeed:
    """One system template in one language; `(slug, locale)` names it for ever."""

    slug: str
    locale: TemplateLocale
    name: str
    emoji: str
    tagline: str
    soul_markdown: str


def load_templates() -> list[PersonaSeed]:
    """All system templates, language by language, in the order in which people see them.

    Raises:
        ValueError: a file is not what it should be; it names the file and the template.
    """
    seeds: list[PersonaSeed] = []
    slugs: list[str] | None = None
    for locale in LOCALES:
        name = f"{locale}.toml"
        text = (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
        found = parse_templates(text, locale)
        if slugs is not None and [seed.slug for seed in found] != slugs:
            raise ValueError(f"{name}: the slugs or their order differ from {LOCALES[0]}.toml")
        slugs = [seed.slug for seed in found]
        seeds += found
    return seeds


def parse_templates(text: str, locale: TemplateLocale) -> list[PersonaSeed]:
    """The templates in one file.

    Raises:
        ValueError: not TOML, or a template has a wrong, missing, too long or repeated value.
    """
    rows = tomllib.loads(text).get("persona", [])
    seeds = [_seed(row, locale) for row in rows]
    slugs = [seed.slug for seed in seeds]
    repeated = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if repeated:
        raise ValueError(f"{locale}.toml: more than once: {', '.join(repeated)}")
    return seeds


def _seed(row: dict[str, Any], locale: TemplateLocale) -> PersonaSeed:
    where = f"{locale}.toml, {row.get('slug', 'a template without slug')}"
    if set(row) != _FIELDS:
        raise ValueError(f"{where}: the fields must be {', '.join(sorted(_FIELDS))}")
    if not all(isinstance(value, str) and value.strip() for value in row.values()):
        raise ValueError(f"{where}: every field must be text that is not empty")
    values = {name: value.strip() for name, value in row.items()}
    for name, longest in (
        ("name", 100),
        ("emoji", 16),
        ("tagline", LONGEST_TAGLINE),
        ("soul_markdown", LONGEST_SOUL),
    ):
        if len(values[name]) > longest:
            raise ValueError(f"{where}: {name} is longer than {longest}")
    return PersonaSeed(locale=locale, **values)
