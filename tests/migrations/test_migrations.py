"""The migrations make the schema of the models, once, whoever asks, and can be taken back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from clawbot_manager.app.compose import migrations_dir
from clawbot_manager.infra.db import Base, Database
from clawbot_manager.infra.db.migrate import SchemaTooNewError, alembic_config, pending, upgrade
from clawbot_manager.infra.events.bus import EventBus

ALL = [
    one.revision for one in ScriptDirectory.from_config(alembic_config(migrations_dir())).walk_revisions()
][::-1]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, EventBus())
    yield made
    await made.close()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def tables_of(database: Database) -> set[str]:
    async with database.connection() as connection:
        return await connection.run_sync(tables)


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


async def downgrade(database: Database) -> None:
    def run(connection: Connection) -> None:
        config = alembic_config(migrations_dir())
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with database.schema_change() as connection:
        await connection.run_sync(run)


async def test_from_nothing_to_the_models_and_twice_is_once(database: Database) -> None:
    assert await pending(database, migrations_dir()) == ALL
    assert await upgrade(database, migrations_dir()) == ALL
    assert await tables_of(database) == {*Base.metadata.tables, "alembic_version"}
    assert len(Base.metadata.tables) >= 8
    async with database.connection() as connection:
        assert await connection.run_sync(differences) == []
    async with database.transaction():  # who only looks does not wait for a writer
        assert await pending(database, migrations_dir()) == []
    assert await upgrade(database, migrations_dir()) == []


async def test_two_at_once_are_safe(database: Database) -> None:
    other = Database(database.url, EventBus())
    try:
        results = await asyncio.gather(*(upgrade(one, migrations_dir()) for one in (database, other) * 3))
    finally:
        await other.close()
    assert sorted(results) == [[]] * 5 + [ALL]


async def test_two_processes_at_once_are_safe(database_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from clawbot_manager.app.compose import migrations_dir\n"
        "from clawbot_manager.infra.db import Database\n"
        "from clawbot_manager.infra.db.migrate import upgrade\n"
        "from clawbot_manager.infra.events.bus import EventBus\n"
        "sys.stdin.read()\n"
        "async def main():\n"
        "    database = Database(sys.argv[1], EventBus())\n"
        "    print(len(await upgrade(database, migrations_dir())))\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ),
            text=True,
        )
        for _ in range(3)
    ]
    answers = await asyncio.gather(*(asyncio.to_thread(one.communicate, "") for one in running))
    assert [one.returncode for one in running] == [0, 0, 0], answers
    assert sorted(out.strip() for out, _ in answers) == sorted(["0", "0", str(len(ALL))])


async def test_down_and_up_again(database: Database) -> None:
    await upgrade(database, migrations_dir())
    await downgrade(database)
    assert await tables_of(database) == {"alembic_version"}
    assert await upgrade(database, migrations_dir()) == ALL
    async with database.connection() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    await upgrade(database, migrations_dir())
    async with database.connection() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for operation in (pending, upgrade):
        with pytest.raises(SchemaTooNewError, match="9999"):
            await operation(database, migrations_dir())


@pytest.fixture
def own_migrations(tmp_path: Path) -> Path:
    """Three revisions: two tables with rows, one rebuilt, and one that fails."""
    root = tmp_path / "100% migrations"
    (root / "versions").mkdir(parents=True)
    (root / "env.py").write_text((migrations_dir() / "env.py").read_text())
    head = "import sqlalchemy as sa\nfrom alembic import op\nbranch_labels = depends_on = None\n"
    (root / "versions" / "0001_two_tables.py").write_text(
        head + "revision = '0001'\ndown_revision = None\n"
        "def upgrade():\n"
        "    op.create_table('parents', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "    op.create_table('children', sa.Column('id', sa.Integer(),\n"
        "        sa.ForeignKey('parents.id', ondelete='CASCADE', name='fk_c')))\n"
        "    op.execute('INSERT INTO parents VALUES (1)')\n"
        "    op.execute('INSERT INTO children VALUES (1)')\n"
    )
    (root / "versions" / "0002_rebuild.py").write_text(
        head + "revision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('parents', recreate='auto') as batch:\n"
        "        batch.add_column(sa.Column('more', sa.Integer(), server_default='7'))\n"
        "        batch.alter_column('more', nullable=False)\n"
    )
    return root


async def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(
    database: Database, own_migrations: Path
) -> None:
    assert await upgrade(database, own_migrations) == ["0001", "0002"]
    async with database.reading() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM children")) == 1
        assert await tx.scalar(text("SELECT more FROM parents")) == 7


async def test_a_failing_migration_leaves_nothing_behind(database: Database, own_migrations: Path) -> None:
    (own_migrations / "versions" / "0003_fail.py").write_text(
        "from alembic import op\nrevision = '0003'\ndown_revision = '0002'\n"
        "branch_labels = depends_on = None\n"
        "def upgrade():\n    raise ValueError('half way')\n"
    )
    with pytest.raises(ValueError, match="half way"):
        await upgrade(database, own_migrations)
    assert await tables_of(database) == set()
    assert await pending(database, own_migrations) == ["0001", "0002", "0003"]
