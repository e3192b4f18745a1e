"""Brings a database to the newest schema with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from clawbot_manager.infra.db.database import Database
from clawbot_manager.kit.errors import UnavailableError


class SchemaTooNewError(UnavailableError):
    """The database has a revision that this version of the program does not know."""

    code = "schema_too_new"
    title = "The database is newer than the program"


def alembic_config(location: Path) -> Config:
    """The configuration for the migrations in this directory; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config


async def upgrade(database: Database, location: Path) -> list[str]:
    """Apply what is missing, in one transaction; the revisions applied, oldest first.

    Two processes that start at once are safe: SQLite locks at BEGIN IMMEDIATE, PostgreSQL by advisory lock.

    Raises:
        SchemaTooNewError: the database was upgraded by a newer version of the program.
    """
    config = alembic_config(location)
    async with database.schema_change() as connection:
        return await connection.run_sync(_upgrade, config)


async def pending(database: Database, location: Path) -> list[str]:
    """The revisions that the database lacks, oldest first.

    Raises:
        SchemaTooNewError: the database was upgraded by a newer version of the program.
    """
    config = alembic_config(location)
    async with database.looking() as connection:
        return await connection.run_sync(_pending, config)


def _upgrade(connection: Connection, config: Config) -> list[str]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('clawbot-manager migrations'))")
    missing = _pending(connection, config)
    if missing:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return missing


def _pending(connection: Connection, config: Config) -> list[str]:
    known = list(ScriptDirectory.from_config(config).walk_revisions())  # newest first
    current = MigrationContext.configure(connection).get_current_revision()
    names = [script.revision for script in known]
    if current is None:
        return names[::-1]
    if current not in names:
        raise SchemaTooNewError(
            f"The database is at revision {current}, which this version does not know. Run a newer version."
        )
    return names[: names.index(current)][::-1]
