"""Suggests a bot's hostname from its name."""

import re
import secrets
import unicodedata

# Equal to the server's own list, which costs too much to import here; a test compares them.
RESERVED = frozenset({"admin", "api", "batch", "cleanup", "events", "export", "import", "new"}) | frozenset(
    {"orphans", "removed", "search", "stats", "system", "template", "templates", "usage", "wizard"}
)
_LONGEST = 64


def suggest_hostname(name: str) -> str:
    """A valid hostname close to the name: 2 to 64 of a-z, 0-9 and inner hyphens, no reserved word.

    A name without a Latin letter or digit (such as a Chinese one) gives `bot-` and four random characters.
    """
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", latin).strip("-")[:_LONGEST].strip("-")
    if not slug:
        return f"bot-{secrets.token_hex(2)}"
    if len(slug) < 2:
        return f"bot-{slug}"
    return f"{slug}-bot" if slug in RESERVED else slug
