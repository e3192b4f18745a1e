"""What the data plane needs: a version of what proxies look up, of keys too, and details of usage."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    version = op.create_table(
        "data_plane_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_plane_version")),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
    with op.batch_alter_table("provider_keys") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("state_reason", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("usage_records") as batch_op:
        batch_op.add_column(sa.Column("details", _JSON, nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("usage_records") as batch_op:
        batch_op.drop_column("details")
    with op.batch_alter_table("provider_keys") as batch_op:
        batch_op.drop_column("next_check_at")
        batch_op.drop_column("state_reason")
        batch_op.drop_column("version")
    op.drop_table("data_plane_version")
