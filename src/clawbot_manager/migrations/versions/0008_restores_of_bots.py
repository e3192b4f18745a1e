"""Restores of bots: the backup whose files are still to be put back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("bots", sa.Column("restoring", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Take back. A restore that is under way keeps the files that the bot has."""
    op.drop_column("bots", "restoring")
