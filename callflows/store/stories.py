"""What belongs to one transfer, however much of it there is.

A caller on hold may ask for the same music thousands of times, so a limit is needed, and it must not cost a fact: of
what lies between the first and the last exchanges, all that could change what is said of the transfer is kept.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, literal_column, or_, select

from ..models import CONNECTS, SAFE, EventKind, Exchange, Outcome, Transfer
from .codec import decode, key
from .rows import cursor, of_calls, of_transfer, read_cursor, transfer_from
from .schema import REFUSED as REFUSED_OUTCOME
from .schema import exchanges, transfers

EDGE = 200  # exchanges at either end, of which all are given
REFUSED = 20  # the newest of those that were no request of the platform, or not shown to be one

_TELLING = (EventKind.HANGUP, *CONNECTS, EventKind.DIAL_HANGUP, EventKind.DIAL_RESULT)


def read_story(connection: Connection, transfer_id: str) -> tuple[Transfer, list[Exchange]] | None:
    """The transfer, and the exchanges of it and of its legs' calls in time order; refused ones are among them."""
    row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
    if row is None:
        return None
    transfer = transfer_from(row)
    c = exchanges.c
    own = of_transfer(transfer.id)
    # the B leg's UUID is learnt from its fetches; its hang-up carries nothing else of ours
    unserved = (Outcome.REJECTED.value, Outcome.NOTED.value)
    served = and_(*own, c.outcome.not_in(unserved))
    uuids = connection.execute(select(c.call_uuid).distinct().where(served)).scalars().all()
    concerns = or_(*own, *of_calls([transfer.call_uuid, *uuids]))
    telling = or_(
        c.kind.in_([kind.value for kind in _TELLING]),
        c.outcome.in_([outcome.value for outcome in SAFE]),
        and_(*own, c.body.contains("<Dial", autoescape=True)),
    )

    def bodies(*conditions: ColumnElement[bool], newest: bool, limit: int | None) -> list[tuple[float, str, str]]:
        order = (c.at.desc(), c.id.desc()) if newest else (c.at, c.id)
        query = select(c.at, c.id, c.body).where(concerns, *conditions).order_by(*order).limit(limit)
        return [(found.at, found.id, found.body) for found in connection.execute(query)]

    genuine = c.outcome != Outcome.REJECTED.value
    rows = set(bodies(genuine, newest=True, limit=EDGE))
    if len(rows) == EDGE:
        rows.update(bodies(genuine, newest=False, limit=EDGE))
        rows.update(bodies(genuine, telling, newest=True, limit=None))
        for uuid in uuids:  # one leg may be in the middle of the other's long wait
            rows.update(bodies(served, c.call_uuid == uuid, newest=False, limit=1))
            rows.update(bodies(served, c.call_uuid == uuid, newest=True, limit=1))
    rows.update(bodies(c.outcome == Outcome.REJECTED.value, newest=True, limit=REFUSED))
    return transfer, [decode(body) for _, _, body in sorted(rows)]


def read_refused(connection: Connection, limit: int, before: str) -> tuple[list[Exchange], str]:
    """Requests that were refused, newest first, and a cursor to older ones, "" when there are none."""
    c = exchanges.c
    query = select(c.at, c.id, c.body).where(c.outcome == literal_column(REFUSED_OUTCOME))
    if before:
        at, id = read_cursor(before)
        query = query.where(c.at <= at, or_(c.at < at, c.id < id))
    rows = connection.execute(query.order_by(c.at.desc(), c.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    return [decode(row.body) for row in page], cursor(page[-1].at, page[-1].id) if len(rows) > limit else ""
