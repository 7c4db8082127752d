"""The store's tables, as the newest migration leaves them (a test compares the two).

Every name starts with `callflows_`: the database may belong to somebody's application. What is looked up has a
column of its own; the rest of a row is its `body`, the JSON text of `codec`, so that a new field of a model needs no
migration. Text, not a JSON type: PostgreSQL's refuse NUL and lone surrogates, which callers do send.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text, literal_column

SCHEMA_VERSION = "0004"  # the newest file in migrations/versions; compared as text
VERSION_TABLE = "callflows_schema"

metadata = MetaData()

# SQLite numbers rows by itself only where the key's type is exactly INTEGER
_Sequence = BigInteger().with_variant(Integer(), "sqlite")

exchanges = Table(
    "callflows_exchanges",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("call_uuid", Text, nullable=False),
    Column("a_leg_uuid", Text, nullable=False),
    Column("b_leg_uuid", Text, nullable=False),
    Column("transfer_id", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("body", Text, nullable=False),
)

transfers = Table(
    "callflows_transfers",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("provider", Text, nullable=False),
    Column("call_uuid", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("requested_at", Double, nullable=False),
    Column("settled_at", Double),
    Column("http_status", Integer),
    Column("api_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("asked_by", Text, nullable=False, server_default=""),
)

# The numbers that transfers were to dial and that no operator has named: what the spend guard counts.
destinations = Table(
    "callflows_destinations",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("transfer_id", Text, nullable=False),
)

journals = Table(
    "callflows_journals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at", Double, nullable=False),  # when it last moved
)

# Who waits in which queue: what the exchanges say, worked out when they are added (see `queues`). `claim`: who is
# moving them, if anybody is.
waiting = Table(
    "callflows_waiting",
    metadata,
    Column("call_uuid", Text, primary_key=True),
    Column("queue", Text, nullable=False),
    Column("joined_at", Double, nullable=False),
    Column("provider", Text, nullable=False),
    Column("transfer_id", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("claimed_at", Double),
    Column("body", Text, nullable=False),
)

Index("callflows_waiting_queue", waiting.c.queue, waiting.c.joined_at)
Index("callflows_exchanges_id", exchanges.c.id, unique=True)
Index("callflows_exchanges_at", exchanges.c.at)
Index("callflows_transfers_id", transfers.c.id, unique=True)
Index("callflows_transfers_idempotency_key", transfers.c.idempotency_key, unique=True)
Index("callflows_transfers_requested_at", transfers.c.requested_at)
Index("callflows_transfers_call_uuid", transfers.c.call_uuid, transfers.c.requested_at)

Index("callflows_transfers_status", transfers.c.status, transfers.c.requested_at)
Index("callflows_transfers_asked_by", transfers.c.asked_by, transfers.c.requested_at)
Index("callflows_destinations_number", destinations.c.number, destinations.c.at)
Index("callflows_destinations_at", destinations.c.at)

# Refused requests are few and asked for by themselves: the index has no others. As above, in so many words.
REFUSED = "'rejected'"
_refused = exchanges.c.outcome == literal_column(REFUSED)
Index("callflows_exchanges_refused", exchanges.c.at, sqlite_where=_refused, postgresql_where=_refused)

# Few exchanges belong to a transfer or have a second leg: the indexes leave the others out. A query must say
# `<> ''` in so many words, or neither database sees that it may use them.
LOOKUPS = (exchanges.c.call_uuid, exchanges.c.a_leg_uuid, exchanges.c.b_leg_uuid, exchanges.c.transfer_id)
for _column in LOOKUPS:
    _there = _column != literal_column("''")
    Index(
        f"callflows_exchanges_{_column.name}",
        _column,
        exchanges.c.at,
        sqlite_where=_there,
        postgresql_where=_there,
    )
