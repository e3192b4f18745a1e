"""Persona templates: the ones that ship with the program, kept up to date at each start."""

from uuid import UUID

from sqlalchemy import select

from clawbot_manager.control.personas.catalogue import load_templates
from clawbot_manager.control.personas.models import PersonaTemplate
from clawbot_manager.infra.db import Transaction


class PersonaService:
    """Reads and seeds persona templates."""

    async def seed(self, tx: Transaction) -> int:
        """Add missing system templates and update changed ones; how many rows were touched."""
        rows = await tx.scalars(select(PersonaTemplate).where(PersonaTemplate.is_system.is_(True)))
        stored = {(row.slug, row.locale): row for row in rows}
        touched = 0
        for position, template in enumerate(load_templates()):
            row = stored.get((template.slug, template.locale))
            values: dict[str, str | int] = {
                "name": template.name,
                "emoji": template.emoji,
                "tagline": template.tagline,
                "soul_markdown": template.soul_markdown,
                "position": position,
            }
            if row is None:
                tx.add(PersonaTemplate(slug=template.slug, locale=template.locale, is_system=True, **values))
                touched += 1
            elif any(getattr(row, name) != value for name, value in values.items()):
                for name, value in values.items():
                    setattr(row, name, value)
                touched += 1
        return touched

    async def list(self, tx: Transaction, locale: str | None) -> list[PersonaTemplate]:
        """The templates, of one language or of all, the most useful first."""
        query = select(PersonaTemplate).order_by(PersonaTemplate.position, PersonaTemplate.id)
        if locale is not None:
            query = query.where(PersonaTemplate.locale == locale)
        return [*await tx.scalars(query)]

    async def find(self, tx: Transaction, template_id: UUID) -> PersonaTemplate | None:
        """The template with this id."""
        return await tx.get(PersonaTemplate, template_id)
