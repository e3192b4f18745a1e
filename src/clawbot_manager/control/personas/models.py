"""Tables of the personas domain."""

from uuid import UUID

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.infra.db import Base
from clawbot_manager.kit.ids import uuid7


class PersonaTemplate(Base):
    """A template of a bot's personality; system ones ship with the program and are read-only."""

    __tablename__ = "persona_templates"
    __table_args__ = (UniqueConstraint("slug", "locale"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    slug: Mapped[str] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(100))
    emoji: Mapped[str] = mapped_column(String(16))
    tagline: Mapped[str] = mapped_column(String(500))
    soul_markdown: Mapped[str] = mapped_column(Text)
    is_system: Mapped[bool]
    position: Mapped[int]
