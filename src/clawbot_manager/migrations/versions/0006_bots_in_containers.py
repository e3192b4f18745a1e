"""What a bot is made of, whether it has proved itself, and what happened to it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Bots of before are the built-in one, made from the installation's image."""
    with op.batch_alter_table("bots") as batch_op:
        batch_op.add_column(
            sa.Column("agent", sa.String(length=32), nullable=False, server_default="builtin")
        )
        batch_op.add_column(sa.Column("image", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("previous_image", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("applied", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("proved_revision", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "bot_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["bot_id"], ["bots.id"], name=op.f("fk_bot_events_bot_id_bots"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_events")),
    )
    op.create_index("ix_bot_events_bot_id_id", "bot_events", ["bot_id", "id"])


def downgrade() -> None:
    """Take back. What happened to bots is forgotten."""
    op.drop_table("bot_events")
    with op.batch_alter_table("bots") as batch_op:
        for column in ("proved_at", "proved_revision", "applied", "previous_image", "image", "agent"):
            batch_op.drop_column(column)
