"""Calls: those that were seen, and one of them from its first request to its end."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import flask

from .. import targets
from ..errors import CallflowsError, CallNotLive
from ..known.calls import ended, fold, place
from ..known.overview import recent_calls, recent_transfers
from ..known.timeline import told_of
from ..models import Exchange
from . import words
from .door import bp, operators, page, problem_page, runtime, session

log = logging.getLogger("callflows.console")

A_PAGE = 50
MOST_EXCHANGES = 500  # of one call, the newest
UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


@dataclass(frozen=True, slots=True)
class Told:
    """One request of a call in words, and what its causes mean."""

    exchange: Exchange
    text: str
    why: str


@bp.get("/calls")
def calls() -> flask.Response:
    wanted = flask.request.args.get("uuid", "").strip()
    if UUID.fullmatch(wanted):
        return flask.redirect(flask.url_for("callflows_console.call", uuid=wanted))  # type: ignore[return-value]
    found, older = recent_calls(runtime().store, limit=A_PAGE, before=flask.request.args.get("before", ""))
    return page("calls.html", calls=found, older=older, first="before" not in flask.request.args, wanted=wanted)


@bp.get("/calls/<uuid>")
def call(uuid: str) -> flask.Response:
    store = runtime().store
    exchanges = sorted(store.exchanges(call_uuids=[uuid], limit=MOST_EXCHANGES), key=place)
    transfers, _ = recent_transfers(store, limit=A_PAGE, call_uuid=uuid)
    if not exchanges and not transfers and not UUID.fullmatch(uuid):
        return problem_page(404, "No such call", "That is no call's UUID.")
    state = fold(uuid, exchanges)
    return page(
        "call.html",
        uuid=uuid,
        state=state,
        seen=bool(exchanges),
        live=not ended(state.status),
        end=words.end_of(state) if ended(state.status) else "",
        entries=[Told(exchange, told_of(exchange), words.why(exchange)) for exchange in reversed(exchanges)],
        cut=len(exchanges) == MOST_EXCHANGES,
        transfers=transfers,
        words=words,
    )


@bp.get("/calls/<uuid>/hang-up")
@operators
def ask_hang_up(uuid: str) -> flask.Response:
    return page("hang_up.html", uuid=uuid, state=fold(uuid, runtime().store.exchanges(call_uuids=[uuid])))


@bp.post("/calls/<uuid>/hang-up")
@operators
def hang_up(uuid: str) -> flask.Response:
    rt, outcome = runtime(), "done"
    try:
        rt.provider(targets.choose_provider(rt, uuid)).hang_up(uuid)
    except CallNotLive:
        outcome = "not live"
        return problem_page(409, "That call has ended already", "Nobody had to be hung up on.")
    except CallflowsError as error:
        outcome = error.code
        raise
    finally:
        log.info("console: %s hung up call %.128s: %s", session().person.name, ascii(uuid)[1:-1], outcome)
    return flask.redirect(flask.url_for("callflows_console.call", uuid=uuid), 303)  # type: ignore[return-value]
