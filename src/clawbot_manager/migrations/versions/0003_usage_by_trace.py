"""Find a request by the trace id that its answer named."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_usage_records_trace_id", "usage_records", ["trace_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_usage_records_trace_id", table_name="usage_records")
