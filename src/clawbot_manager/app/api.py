"""The control plane's FastAPI application and its OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from clawbot_manager import __version__
from clawbot_manager.control.access.endpoints import router as access
from clawbot_manager.control.access.security_endpoints import router as security
from clawbot_manager.control.accounts.endpoints import router as accounts
from clawbot_manager.control.audit.endpoints import router as audit
from clawbot_manager.control.bots.copies_endpoints import router as copies
from clawbot_manager.control.bots.endpoints import router as bots
from clawbot_manager.control.bots.relay_endpoints import router as relay
from clawbot_manager.control.diagnostics.endpoints import router as diagnostics
from clawbot_manager.control.personas.endpoints import router as personas
from clawbot_manager.control.shared.problems import install_problem_handlers
from clawbot_manager.control.usage.endpoints import router as usage
from clawbot_manager.control.vault.endpoints import router as vault

_ROUTERS = (accounts, access, security, vault, personas, copies, relay, bots, usage, diagnostics, audit)
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def create_api(services: Mapping[type[Any], Any], *, secure_cookies: bool) -> FastAPI:
    """The application over these services, found by type. It has no page that loads foreign scripts."""
    api = FastAPI(
        title="ClawBotManager",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=_operation_id,
    )
    api.state.services = services
    api.state.secure_cookies = secure_cookies
    install_problem_handlers(api)
    for router in _ROUTERS:
        api.include_router(router)
    api.openapi = lambda: openapi_document(api)  # type: ignore[method-assign]
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name


def openapi_document(api: FastAPI) -> dict[str, Any]:
    """The document, with errors declared under the media type that they have."""
    document: dict[str, Any] = FastAPI.openapi(api)
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {})
                if content.get("application/json", {}).get("schema") == _PROBLEM:
                    content["application/problem+json"] = content.pop("application/json")
    return document
