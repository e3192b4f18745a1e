"""Alembic's entry: the connection is handed in by `infra.db.migrate`, or made for `make revision`."""

from alembic import context
from sqlalchemy import Connection, create_engine

from clawbot_manager.app import program  # noqa: F401 - importing it registers every table
from clawbot_manager.infra.db import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as own:
        _run(own)
