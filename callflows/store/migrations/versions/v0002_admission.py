"""Who asked for a transfer, and what it was to dial: what admission counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("callflows_transfers", sa.Column("asked_by", sa.Text, nullable=False, server_default=""))
    op.create_index("callflows_transfers_asked_by", "callflows_transfers", ["asked_by", "requested_at"])
    op.create_index("callflows_transfers_status", "callflows_transfers", ["status", "requested_at"])
    op.create_table(
        "callflows_destinations",
        sa.Column("seq", sequence, primary_key=True, autoincrement=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=False),
    )
    op.create_index("callflows_destinations_number", "callflows_destinations", ["number", "at"])
    op.create_index("callflows_destinations_at", "callflows_destinations", ["at"])
