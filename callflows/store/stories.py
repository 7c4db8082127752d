"""What belongs to one transfer, however much of it there is.

A caller on hold may ask for the same music thousands of times, so a limit is needed, and it must not cost a fact: of
what lies between the first and the last exchanges, all that could change what is said of the transfer is kept.
"""

from __future__ import annotations

from sqlalchemy import Connection, Select, and_, bindparam, literal_column, or_, select

from ..models import CONNECTS, SAFE, EventKind, Exchange, Outcome, Transfer
from .codec import decode, key
from .rows import EMPTY_TEXT, cursor, naming, read_cursor, transfer_from
from .schema import REFUSED as REFUSED_OUTCOME
from .schema import exchanges, transfers

EDGE = 200  # exchanges at either end, of which all are given
REFUSED = 20  # the newest of those that were no request of the platform, or not shown to be one

_TELLING = (EventKind.HANGUP, *CONNECTS, EventKind.DIAL_HANGUP, EventKind.DIAL_RESULT)


# Statements are made once: with the parameters in place it costs several times what running them does.
_c = exchanges.c
_own = and_(_c.transfer_id != EMPTY_TEXT, _c.transfer_id == bindparam("transfer"))
# the B leg's UUID is learnt from its fetches; its hang-up carries nothing else of ours
_served = and_(_own, _c.outcome.not_in((Outcome.REJECTED.value, Outcome.NOTED.value)))
_LEGS = select(_c.call_uuid).distinct().where(_served)
_concerns = or_(_own, *naming(bindparam("calls", expanding=True)))
_genuine = _c.outcome != Outcome.REJECTED.value
_telling = or_(
    _c.kind.in_([kind.value for kind in _TELLING]),
    _c.outcome.in_([outcome.value for outcome in SAFE]),
    and_(_own, _c.body.contains("<Dial", autoescape=True)),
)
_newest, _oldest = (_c.at.desc(), _c.id.desc()), (_c.at, _c.id)
_FOUND = select(_c.at, _c.id, _c.body).where(_concerns)
_NEWEST = _FOUND.where(_genuine).order_by(*_newest).limit(EDGE)
_REFUSED = _FOUND.where(_c.outcome == Outcome.REJECTED.value).order_by(*_newest).limit(REFUSED)
_MORE = (_FOUND.where(_genuine).order_by(*_oldest).limit(EDGE), _FOUND.where(_genuine, _telling))
_OF_LEG = _FOUND.where(_served, _c.call_uuid == bindparam("leg")).limit(1)
_EDGES_OF_LEG = (_OF_LEG.order_by(*_oldest), _OF_LEG.order_by(*_newest))


def read_story(connection: Connection, transfer_id: str) -> tuple[Transfer, list[Exchange]] | None:
    """The transfer, and the exchanges of it and of its legs' calls in time order; refused ones are among them."""
    row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
    if row is None:
        return None
    transfer = transfer_from(row)
    own = {"transfer": key(transfer.id)}
    legs = connection.execute(_LEGS, own).scalars().all()
    wanted = {**own, "calls": [key(uuid) for uuid in (transfer.call_uuid, *legs) if uuid]}

    def bodies(query: Select[tuple[float, str, str]], **more: str) -> list[tuple[float, str, str]]:
        return [(found.at, found.id, found.body) for found in connection.execute(query, {**wanted, **more})]

    rows = set(bodies(_NEWEST))
    if len(rows) == EDGE:
        for query in _MORE:
            rows.update(bodies(query))
        for leg in legs:  # one leg may be in the middle of the other's long wait
            for query in _EDGES_OF_LEG:
                rows.update(bodies(query, leg=leg))
    rows.update(bodies(_REFUSED))
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
