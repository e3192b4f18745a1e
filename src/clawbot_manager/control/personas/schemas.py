"""What the persona template routes give."""

from typing import Literal
from uuid import UUID

from clawbot_manager.control.shared.schemas import Schema


class PersonaTemplateOut(Schema):
    """A template for a bot's personality."""

    id: UUID
    slug: str
    locale: Literal["en", "zh-CN"]
    name: str
    emoji: str
    tagline: str
    soul_markdown: str
    is_system: bool
