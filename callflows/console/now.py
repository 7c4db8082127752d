"""Now: what is going on, in one look."""

from __future__ import annotations

import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import flask

from .. import targets
from ..errors import CallflowsError, CallNotLive
from ..health import degraded
from ..known.overview import SILENT_SECONDS, SeenCall, live_calls, recent_transfers
from ..known.progress import Progress
from ..known.shapes import live_call_object, queue_objects
from ..runtime import Runtime
from . import words
from .door import bp, page, runtime

LOOKED_AT = 100  # calls last heard of, among which are the live ones
MOST_LIVE = 50
SHOWN = 20
LATELY_SECONDS = 3600.0
FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at `at`, and the store's pulse then."""

    at: float
    pulse: tuple[object, ...]
    calls: list[SeenCall]
    beyond: int
    transfers: list[Progress]


_looks: WeakKeyDictionary[Runtime, Look] = WeakKeyDictionary()


def _look(rt: Runtime) -> Look:
    """Everybody on shift asks every two seconds, and most of the time nothing has happened."""
    pulse, seen = rt.store.pulse(), _looks.get(rt)
    if seen is None or seen.pulse != pulse or time.time() - seen.at > FRESH_SECONDS:
        calls, beyond = live_calls(rt.store, among=LOOKED_AT, most=MOST_LIVE)
        transfers, _ = recent_transfers(rt.store, limit=SHOWN)
        seen = _looks[rt] = Look(time.time(), pulse, calls, beyond, transfers)
    return seen


@bp.get("/")
def now() -> flask.Response:
    rt = runtime()
    look = _look(rt)
    lately = [each for each in look.transfers if time.time() - each.transfer.requested_at < LATELY_SECONDS]
    return page(
        "now.html",
        calls=look.calls,
        beyond=look.beyond,
        under_way=[each for each in lately if not each.settled],
        failed=[each for each in lately if each.settled and not each.ok],
        waiting=queue_objects(rt.store.waiting()),
        degraded=degraded(rt),
        silent=SILENT_SECONDS,
        words=words,
    )


@bp.get("/live")
def live() -> flask.Response:
    """The platforms' own list: asked when somebody wants to know, never by the minute."""
    rt = runtime()
    rows, faults = [], []
    known = 0
    for name in rt.providers_in_use():
        try:
            provider = rt.provider(targets.choose_provider(rt, "", name))
            uuids = provider.live_calls()
            known += len(uuids)
            for uuid in uuids[:SHOWN]:
                try:
                    rows.append(live_call_object(name, provider.live_call(uuid)))
                except CallNotLive:
                    continue  # it ended between the two questions
        except CallflowsError as error:
            faults.append(f"{name}: {error}")
    more = known if known > SHOWN else 0
    return page("live.html", rows=rows, faults=faults, known=bool(rt.providers_in_use()), more=more)
