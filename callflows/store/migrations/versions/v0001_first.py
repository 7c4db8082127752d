"""Exchanges, transfers, journal positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "callflows_exchanges",
        sa.Column("seq", sequence, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("call_uuid", sa.Text, nullable=False),
        sa.Column("a_leg_uuid", sa.Text, nullable=False),
        sa.Column("b_leg_uuid", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("callflows_exchanges_id", "callflows_exchanges", ["id"], unique=True)
    op.create_index("callflows_exchanges_at", "callflows_exchanges", ["at"])
    for name in ("call_uuid", "a_leg_uuid", "b_leg_uuid", "transfer_id"):
        there = sa.text(f"{name} <> ''")
        op.create_index(
            f"callflows_exchanges_{name}",
            "callflows_exchanges",
            [name, "at"],
            sqlite_where=there,
            postgresql_where=there,
        )

    op.create_table(
        "callflows_transfers",
        sa.Column("seq", sequence, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("call_uuid", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("requested_at", sa.Double, nullable=False),
        sa.Column("settled_at", sa.Double),
        sa.Column("http_status", sa.Integer),
        sa.Column("api_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("callflows_transfers_id", "callflows_transfers", ["id"], unique=True)
    op.create_index("callflows_transfers_idempotency_key", "callflows_transfers", ["idempotency_key"], unique=True)
    op.create_index("callflows_transfers_requested_at", "callflows_transfers", ["requested_at"])
    op.create_index("callflows_transfers_call_uuid", "callflows_transfers", ["call_uuid", "requested_at"])

    op.create_table(
        "callflows_journals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
