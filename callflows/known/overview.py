"""What is going on: the calls last heard of, and the transfers last asked for, in a few reads of the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..models import REAL, SAFE, Exchange, Leg
from ..store import Store
from .calls import CallState, ended, facts_of, fold
from .progress import Progress, fold_transfer

SILENT_SECONDS = 2 * 3600.0  # a call not heard of for so long is not told to be live: its hang-up may be lost
_MOST_EXCHANGES = 40  # of one call, the newest: a caller on hold may have thousands


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call, and since when it has been in its step (Unix seconds)."""

    state: CallState
    step_since: float
    leg: str

    @property
    def live(self) -> bool:
        return not ended(self.state.status) and time.time() - self.state.last_at < SILENT_SECONDS


def recent_calls(store: Store, *, limit: int, before: str = "") -> tuple[list[SeenCall], str]:
    """The calls last heard of, newest first, and a cursor to older ones, "" when there are none."""
    found = list(store.calls(limit=limit + 1, before=before).items())
    page = found[:limit]
    exchanges = store.exchanges_of([uuid for uuid, _ in page], each=_MOST_EXCHANGES)
    return [_seen(uuid, own) for uuid, own in exchanges.items()], page[-1][1] if len(found) > limit else ""


def live_calls(store: Store, *, among: int, most: int) -> tuple[list[SeenCall], int]:
    """At most so many calls that are live as far as we know, newest first, of those last heard of; and how many
    there may be beyond.
    """
    uuids = list(store.calls(limit=among))
    gone = store.hung_up(uuids)
    wanted = [uuid for uuid in uuids if uuid not in gone]
    exchanges = store.exchanges_of(wanted[:most], each=_MOST_EXCHANGES)
    seen = (_seen(uuid, own) for uuid, own in exchanges.items())
    return [call for call in seen if call.live], max(len(wanted) - most, 0)


def _seen(uuid: str, exchanges: Sequence[Exchange]) -> SeenCall:
    state = fold(uuid, exchanges)
    since, leg, last = state.first_at, str(Leg.A), ("", "")
    for exchange in facts_of(exchanges):
        if exchange.event.call.uuid == uuid and exchange.outcome in REAL + SAFE:
            leg = exchange.leg or leg
            if (exchange.flow, exchange.step) != last:  # back in the same step, as on hold, it still is in it
                since, last = exchange.at, (exchange.flow, exchange.step)
    return SeenCall(state, since, leg)


def recent_transfers(
    store: Store, *, limit: int, before: str = "", call_uuid: str = "", status: str = "", asked_by: str = ""
) -> tuple[list[Progress], str]:
    """What became of the transfers last asked for, newest first, and a cursor to older ones, "" when there are none."""
    found = store.transfers(limit=limit + 1, before=before, call_uuid=call_uuid, status=status, asked_by=asked_by)
    page = found[:limit]
    now = time.time() // 10 * 10  # what is shown is to change when something happens, and not with every second
    stories = (store.story(each.id) for each in page)  # None: pruned between the two questions
    known = [fold_transfer(*story, now=now) for story in stories if story is not None]
    return known, store.cursor_of(page[-1]) if len(found) > limit else ""
