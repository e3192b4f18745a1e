"""Errors at the edge: every one becomes an RFC 9457 problem document with a code and a trace id."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ExceptionHandler

from clawbot_manager.infra.telemetry.logs import trace_id_var
from clawbot_manager.kit.errors import BadRequestError, InvalidInputError, ProblemError

_log = structlog.get_logger(__name__)

_MEDIA_TYPE = "application/problem+json"

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed"}


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    handlers: dict[int | type[Exception], Any] = {
        ProblemError: _on_problem,
        RequestValidationError: _on_invalid,
        HTTPException: _on_http,
        Exception: _on_crash,
    }
    for kind, handler in handlers.items():
        typed: ExceptionHandler = handler
        app.add_exception_handler(kind, typed)


def problem_body(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document itself; the trace id is that of the current request."""
    return {
        "type": f"about:blank#{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "trace_id": trace_id_var.get() or "",
        "params": dict(params or {}),
        "errors": errors or [],
    }


async def _on_problem(_request: Request, error: ProblemError) -> JSONResponse:
    fields = [{"field": error.field, "code": error.code, "detail": error.detail}] if error.field else []
    body = problem_body(
        error.status, error.code, error.title, error.detail, errors=fields, params=error.params
    )
    return JSONResponse(body, error.status, headers=error.headers, media_type=_MEDIA_TYPE)


async def _on_invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    items = error.errors()
    if any(item["type"] == "json_invalid" for item in items):
        return await _on_problem(_request, BadRequestError("The body is not JSON. Send a JSON object."))
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"][1:]),
            "code": item["type"],
            "detail": item["msg"],
        }
        for item in items
    ]
    named = ", ".join(dict.fromkeys(field["field"] for field in fields if field["field"])) or "the body"
    body = problem_body(
        422,
        InvalidInputError.code,
        InvalidInputError.title,
        f"Correct {named}: {fields[0]['detail']}.",
        errors=fields,
    )
    return JSONResponse(body, 422, media_type=_MEDIA_TYPE)


async def _on_http(request: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error.__cause__, ProblemError):  # FastAPI wraps what goes wrong while it reads the body
        return await _on_problem(request, error.__cause__)
    code = _HTTP_CODES.get(error.status_code, "http_error")
    body = problem_body(error.status_code, code, error.detail, error.detail)
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=_MEDIA_TYPE)


async def _on_crash(_request: Request, error: Exception) -> JSONResponse:
    _log.error("request.crashed", exc_info=error)
    detail = "This is a fault of the server. Give its administrator the trace id."
    body = problem_body(500, ProblemError.code, ProblemError.title, detail)
    return JSONResponse(body, 500, media_type=_MEDIA_TYPE)
