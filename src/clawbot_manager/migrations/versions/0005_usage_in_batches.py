"""A proxy that runs alone writes usage in batches; a worker makes rows of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "usage_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_batches")),
    )


def downgrade() -> None:
    """Take back. Batches that no worker has unpacked are lost."""
    op.drop_table("usage_batches")
