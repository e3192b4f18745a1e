"""What a database URL means to the driver underneath SQLAlchemy, for who speaks to that directly."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import make_url


@dataclass(frozen=True, slots=True)
class DriverArguments:
    """How to connect with `sqlite3` or `psycopg`. `repr` hides the values: they may hold a password."""

    dialect: Literal["sqlite", "postgresql"]
    positional: list[str] = field(repr=False)
    named: dict[str, Any] = field(repr=False)


def driver_arguments(url: str) -> DriverArguments:
    """The arguments that SQLAlchemy would connect with, so that both reach the same database.

    Raises:
        ValueError: it is a URL of neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    positional, named = parsed.get_dialect()().create_connect_args(parsed)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return DriverArguments("sqlite", list(positional), dict(named))
    if kind == "postgresql":
        return DriverArguments("postgresql", list(positional), dict(named))
    raise ValueError(f"{kind} is not served")
