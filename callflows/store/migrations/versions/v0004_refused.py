"""Refused requests are found by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    refused = sa.text("outcome = 'rejected'")
    op.create_index(
        "callflows_exchanges_refused", "callflows_exchanges", ["at"], sqlite_where=refused, postgresql_where=refused
    )
