"""The calls: those that were seen, what happened in one, and those that are live on the platform."""

from __future__ import annotations

import logging

from .. import targets
from ..bearer import Scope
from ..errors import CallflowsError
from ..known.calls import fold, place
from ..known.shapes import call_object, exchange_object, live_call_object
from ..models import Exchange
from ..store.rows import cursor, read_cursor
from . import models
from .endpoints import Answer, Request, endpoint, provider_named
from .errors import PLATFORM, ApiError

log = logging.getLogger("callflows.api")

MOST_EVENTS = 2000  # the newest of one call; a call that is steered through `max_hops` steps stays far below
_ASKING = ("request_invalid", "config_invalid", *PLATFORM)


@endpoint(
    "GET",
    "/calls",
    Scope.READ,
    {200: models.CallPage},
    query=models.CallsQuery,
    codes=("request_invalid", "store_unavailable"),
)
def listed(request: Request) -> Answer:
    """The calls that were seen, those last heard of first."""
    query: models.CallsQuery = request.query
    store = request.runtime.store
    found = list(store.calls(limit=query.limit + 1, before=query.cursor or "").items())
    page = found[: query.limit]
    calls = [call_object(fold(uuid, store.exchanges(call_uuids=[uuid]))) for uuid, _ in page]
    return Answer({"calls": calls, "next_cursor": page[-1][1] if len(found) > len(page) else None})


@endpoint("GET", "/calls/{call_uuid}", Scope.READ, {200: models.Call}, codes=("not_found", "store_unavailable"))
def show(request: Request) -> Answer:
    """One call, from what the platform told us of it."""
    uuid = request.path["call_uuid"]
    return Answer(call_object(fold(uuid, _seen(request, uuid))))


@endpoint(
    "GET",
    "/calls/{call_uuid}/events",
    Scope.READ,
    {200: models.EventPage},
    query=models.EventsQuery,
    codes=("not_found", "request_invalid", "store_unavailable"),
)
def events(request: Request) -> Answer:
    """What the platform asked and told of one call, in time order, each with the document it was given.

    `next_cursor` leads on; null when there is no more for now.
    """
    query: models.EventsQuery = request.query
    after = read_cursor(query.cursor) if query.cursor else None
    found = sorted(_seen(request, request.path["call_uuid"]), key=place)
    found = [each for each in found if after is None or place(each) > after]
    page = found[: query.limit]
    last = page[-1] if len(found) > len(page) else None
    next_cursor = cursor(*place(last)) if last else None
    return Answer({"events": [exchange_object(each) for each in page], "next_cursor": next_cursor})


@endpoint("GET", "/live-calls", Scope.READ, {200: models.LiveCallList}, query=models.ProviderQuery, codes=_ASKING)
def live(request: Request) -> Answer:
    """The calls that are live, asked of the platform now."""
    name = _provider(request, "", request.query.provider)
    with request.shares.asking.held():
        return Answer({"provider": name, "call_uuids": request.runtime.provider(name).live_calls()})


@endpoint(
    "GET",
    "/live-calls/{call_uuid}",
    Scope.READ,
    {200: models.LiveCall},
    query=models.ProviderQuery,
    codes=(*_ASKING, "call_not_live"),
)
def live_call(request: Request) -> Answer:
    """One live call, asked of the platform now."""
    uuid = request.path["call_uuid"]
    name = _provider(request, uuid, request.query.provider)
    with request.shares.asking.held():
        return Answer(live_call_object(name, request.runtime.provider(name).live_call(uuid)))


@endpoint(
    "POST",
    "/calls/{call_uuid}/hangup",
    Scope.TRANSFER,
    {202: models.HungUp},
    body=models.HangUp,
    body_required=False,
    codes=(*_ASKING, "call_not_live", "outcome_unknown"),
)
def hang_up(request: Request) -> Answer:
    """End a live call."""
    uuid = request.path["call_uuid"]
    name = _provider(request, uuid, request.body.provider)
    outcome = "done"
    try:
        with request.shares.asking.held():
            request.runtime.provider(name).hang_up(uuid)
    except (CallflowsError, ApiError) as error:
        outcome = error.code
        raise
    finally:
        # whatever stands in the path, it stays within one line
        asked = ascii(uuid)[1:-1], request.caller.id, outcome, request.id
        log.info("hang-up of call %.200s asked for by %s: %s (request %s)", *asked)
    return Answer({"call_uuid": uuid, "provider": name}, 202)


def _seen(request: Request, uuid: str) -> list[Exchange]:
    found = request.runtime.store.exchanges(call_uuids=[uuid], limit=MOST_EVENTS)
    if not found:
        raise ApiError("not_found", f"we have not seen call {uuid[:80]!r}")
    return found


def _provider(request: Request, uuid: str, wanted: str | None) -> str:
    return targets.choose_provider(request.runtime, uuid, provider_named(request, wanted))
