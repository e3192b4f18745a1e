"""Each index costs every request: one was the beginning of another, and one was used by no query."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_usage_records_owner_id", table_name="usage_records")
    op.drop_index("ix_usage_records_bot_at", table_name="usage_records")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_usage_records_bot_at", "usage_records", ["bot_id", "at"])
    op.create_index("ix_usage_records_owner_id", "usage_records", ["owner_id"])
