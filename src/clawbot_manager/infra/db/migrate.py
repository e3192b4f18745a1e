"""Brings a database to the newest schema with Alembic."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from clawbot_manager.infra.db.database import Database


def alembic_config(location: Path) -> Config:
    """The configuration for the migrations in this directory; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(location))
    return config


async def upgrade(database: Database, location: Path) -> list[str]:
    """Apply what is missing, in one transaction; the revisions applied, oldest first.

    Two processes that start at once are safe: SQLite locks at BEGIN IMMEDIATE, PostgreSQL by advisory lock.
    """
    config = alembic_config(location)
    async with database.connection() as connection:
        return await connection.run_sync(_upgrade, config)


async def pending(database: Database, location: Path) -> list[str]:
    """The revisions that the database lacks, oldest first."""
    config = alembic_config(location)
    async with database.connection() as connection:
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
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    missing: list[Any] = list(script.iterate_revisions("head", current or "base"))
    return [revision.revision for revision in reversed(missing) if revision.revision != current]
