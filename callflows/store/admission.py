"""Whether a transfer may be asked for now, decided in the transaction that writes its row: what is counted, and who was
first, is the same for all processes of all machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select, text

from ..errors import SpendLimitReached, TransferInFlight
from ..models import REAL, SAFE, Leg, Transfer, TransferStatus
from .codec import decode, key
from .rows import of_transfer, transfer_from
from .schema import destinations, exchanges, transfers

HOUR_S = 3600.0
IN_FLIGHT_S = 15.0
_ENOUGH = 200  # exchanges of one transfer in its first seconds


@dataclass(frozen=True, slots=True)
class Admission:
    """What is asked of one transfer. `per_*`: how many of the same call, destination and token an hour may have, this
    one included; 0 for as many as come. `destinations` are the numbers it is to dial that count. Unless
    `in_flight_allowed` no leg of it may be on its way already.
    """

    destinations: Sequence[str] = ()
    per_call: int = 0
    per_destination: int = 0
    per_token: int = 0
    in_flight_allowed: bool = False


def lock(connection: Connection, transfer: Transfer, wanted: Admission) -> None:
    """Let no other transfer in that counts together with this one, until the transaction ends. SQLite has one writer
    at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    names = {f"call {transfer.call_uuid}", *(f"destination {number}" for number in wanted.destinations)}
    if wanted.per_token:
        names.add(f"token {transfer.asked_by}")
    # in one order, so that no two wait for each other
    for number in sorted(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def admit(connection: Connection, transfer: Transfer, wanted: Admission) -> None:
    """Raise TransferInFlight or SpendLimitReached where it may not be asked for now."""
    if not wanted.in_flight_allowed:
        _refuse_in_flight(connection, transfer)
    hour_ago = transfer.requested_at - HOUR_S
    c = transfers.c
    done = c.status != TransferStatus.REJECTED.value  # what the platform refused moved nobody
    _count(
        connection,
        c.requested_at,
        and_(c.call_uuid == key(transfer.call_uuid), c.requested_at > hour_ago, done),
        transfer,
        wanted.per_call,
        "call",
        f"call {transfer.call_uuid}",
    )
    if wanted.per_destination:
        for number in wanted.destinations:
            asked = and_(
                destinations.c.number == key(number),
                destinations.c.at > hour_ago,
                destinations.c.transfer_id == c.id,
                done,
            )
            _count(
                connection,
                destinations.c.at,
                asked,
                transfer,
                wanted.per_destination,
                "destination",
                f"number {number}",
            )
    # of a token every attempt counts: who floods is stopped, whatever the platform says to it
    mine = and_(c.asked_by == key(transfer.asked_by), c.requested_at > hour_ago)
    _count(connection, c.requested_at, mine, transfer, wanted.per_token, "token", f"token {transfer.asked_by}")


def _count(
    connection: Connection,
    at: ColumnElement[float],
    condition: ColumnElement[bool],
    transfer: Transfer,
    limit: int,
    scope: str,
    who: str,
) -> None:
    if not limit:
        return
    found, oldest = connection.execute(select(func.count(), func.min(at)).where(condition)).one()
    if found >= limit:
        raise SpendLimitReached(
            f"{who} has had {found} transfers within the hour; the limit is {limit}",
            hint=f"CALLFLOWS_TRANSFERS_PER_{scope.upper()} sets it",
            scope=scope,
            limit=limit,
            retry_after=max(oldest + HOUR_S - transfer.requested_at, 0.0),
        )


def _refuse_in_flight(connection: Connection, transfer: Transfer) -> None:
    """One that was asked for, and whose leg has not fetched its document: the platform may be about to."""
    c = transfers.c
    recent = func.coalesce(c.settled_at, c.requested_at) > transfer.requested_at - IN_FLIGHT_S
    waiting = c.status.in_([TransferStatus.REQUESTED.value, TransferStatus.ACCEPTED.value])
    query = select(transfers).where(c.call_uuid == key(transfer.call_uuid), recent, waiting)
    for row in connection.execute(query.order_by(c.requested_at.desc())):
        other = transfer_from(row)
        for leg in transfer.targets.keys() & other.targets.keys():
            if other.provider == transfer.provider and not _has_fetched(connection, other.id, leg):
                age = transfer.requested_at - (other.settled_at or other.requested_at)
                raise TransferInFlight(
                    f"transfer {other.id} is moving this leg ({leg}) and was asked for {max(age, 0):.1f} s ago; its "
                    "document has not been fetched yet",
                    hint="wait for it, or force this one",
                    transfer_id=other.id,
                    leg=leg,
                    retry_after=max(IN_FLIGHT_S - age, 0.0),
                )


def _has_fetched(connection: Connection, transfer_id: str, leg: Leg) -> bool:
    query = select(exchanges.c.body).where(
        *of_transfer(transfer_id), exchanges.c.outcome.in_([outcome.value for outcome in REAL + SAFE])
    )
    bodies = connection.execute(query.order_by(exchanges.c.at).limit(_ENOUGH)).scalars()
    return any(decode(body).leg == leg for body in bodies)
