"""Who waits in which queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "callflows_waiting",
        sa.Column("call_uuid", sa.Text, primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("joined_at", sa.Double, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("claimed_at", sa.Double),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("callflows_waiting_queue", "callflows_waiting", ["queue", "joined_at"])
