"""What endpoints depend on: a transaction per request, and the services of the composition root."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Path, Query, Request

from clawbot_manager.control.shared.schemas import Problem
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.paging import DEFAULT_LIMIT, MAX_LIMIT

Service = TypeVar("Service")


def service(kind: type[Service]) -> Callable[[Request], Service]:
    """A dependency that finds the one service of this type in the application."""

    def find(request: Request) -> Service:
        return cast(Service, request.app.state.services[kind])

    return find


async def _transaction(request: Request) -> AsyncIterator[Transaction]:
    database: Database = request.app.state.services[Database]
    async with database.transaction() as session:
        yield session


async def _reading(request: Request) -> AsyncIterator[Transaction]:
    database: Database = request.app.state.services[Database]
    async with database.reading() as session:
        yield session


# scope="function": committed before the answer leaves, so that nobody is told of what did not happen
WriteTx = Annotated[Transaction, Depends(_transaction, scope="function")]
ReadTx = Annotated[Transaction, Depends(_reading, scope="function")]

Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
HostnamePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]
NO_NUL = r"^[^\x00]*$"
LIMIT = DEFAULT_LIMIT


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers that a route declares, 401 and 422 included."""
    media = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": media} for status in sorted({*statuses})}


SIGNED_IN = problems(400, 401, 413, 422)
