"""Routes of persona templates."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.personas.schemas import PersonaTemplateOut
from clawbot_manager.control.personas.service import PersonaService
from clawbot_manager.control.shared.edge import SIGNED_IN, ReadTx, service

router = APIRouter(tags=["persona"], responses=SIGNED_IN)

Personas = Annotated[PersonaService, Depends(service(PersonaService))]


@router.get("/api/persona-template")
async def list_persona_templates(
    _caller: SignedInCaller, tx: ReadTx, personas: Personas, locale: Literal["en", "zh-CN"] | None = None
) -> list[PersonaTemplateOut]:
    """The templates to start a bot's personality from."""
    return [PersonaTemplateOut.model_validate(row) for row in await personas.list(tx, locale)]
