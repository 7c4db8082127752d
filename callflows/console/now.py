"""Now: what is going on, in one look."""

from __future__ import annotations

import time

import flask

from .. import targets
from ..errors import CallflowsError, CallNotLive
from ..health import degraded
from ..known.overview import SILENT_SECONDS, recent_calls, recent_transfers
from ..known.shapes import live_call_object, queue_objects
from . import words
from .door import bp, page, runtime

LOOKED_AT = 200  # calls last heard of, among which are the live ones
SHOWN = 25
LATELY_SECONDS = 3600.0


@bp.get("/")
def now() -> flask.Response:
    rt = runtime()
    calls, _ = recent_calls(rt.store, limit=LOOKED_AT)
    transfers, _ = recent_transfers(rt.store, limit=SHOWN)
    lately = [each for each in transfers if time.time() - each.transfer.requested_at < LATELY_SECONDS]
    return page(
        "now.html",
        calls=[call for call in calls if call.live],
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
