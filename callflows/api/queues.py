"""The queues: who waits, moving whoever is next, and taking one off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

from .. import queues as doing
from ..bearer import Scope
from ..errors import CallflowsError
from ..known.shapes import queue_objects, transfer_object
from ..models import Waiting
from . import models
from .endpoints import Answer, Request, endpoint, provider_named
from .errors import ApiError, in_our_words
from .transfers import ASKING, PREPARING, first_answer, made, plan_object, repeat

log = logging.getLogger("callflows.api")

_MOVING = (*PREPARING, *ASKING, "transfer_in_flight", "spend_limit", "store_unavailable")


@endpoint("GET", "/queues", Scope.READ, {200: models.QueueList}, codes=("store_unavailable",))
def listed(request: Request) -> Answer:
    """The queues in which somebody waits."""
    found = groupby(request.runtime.store.waiting(), key=lambda caller: caller.queue)
    return Answer({"queues": [_queue(name, list(callers)) for name, callers in found]})


@endpoint(
    "GET",
    "/queues/{name}",
    Scope.READ,
    {200: models.QueueKnown},
    query=models.QueueQuery,
    codes=("store_unavailable",),
)
def show(request: Request) -> Answer:
    """Who waits in one queue, the next one first.

    A queue is a name that steps of flows say they wait in; one in which nobody waits is empty.
    """
    name = request.path["name"]
    callers = request.runtime.store.waiting(name)
    return Answer({**_queue(name, callers), "callers": queue_objects(callers)[: request.query.limit]})


@endpoint(
    "POST",
    "/queues/{name}/next",
    Scope.TRANSFER,
    {202: models.TransferMade, 200: models.TransferPlan},
    body=models.NextCaller,
    idempotent=True,
    codes=(*_MOVING, "queue_empty", "idempotency_key_reused"),
)
def take(request: Request) -> Answer:
    """Move whoever has waited longest in a queue.

    Of several who ask at once, on any machine, each gets another caller. As `POST /transfers` otherwise: 202 when the
    platform heard it. Whoever is gone, as the platform says, leaves the queue, and the one after is taken. With an
    Idempotency-Key, asking again does nothing and tells of the same caller. With `dry_run`: 200 and what would be done.
    """
    wanted: models.NextCaller = request.body
    queue, provider = request.path["name"], provider_named(request, wanted.provider)
    if wanted.dry_run:
        plan = doing.plan_next(request.runtime, queue, aleg=wanted.aleg, params=wanted.params, provider=provider)
        return Answer(plan_object(plan))
    while True:
        try:
            with request.shares.asking.held():
                moved = doing.take_next(
                    request.runtime,
                    queue,
                    aleg=wanted.aleg,
                    params=wanted.params,
                    provider=provider,
                    idempotency_key=request.idempotency_key,
                    asked_by=request.caller.id,
                )
        except (CallflowsError, ApiError) as error:
            _log(request, f"next of queue {queue}", error.code)
            raise
        if not moved.repeated:
            break
        first = first_answer(request, moved.transfer)
        if not doing.is_gone(first):  # else the one after is the answer to both
            return repeat(request, first)
    done = moved.transfer
    _log(request, f"next of queue {queue}", f"transfer {done.id} of call {done.call_uuid} {done.status}")
    return made(request, done, [in_our_words(text) for text in moved.warnings])


@endpoint(
    "POST",
    "/queues/{name}/drop",
    Scope.TRANSFER,
    {202: models.Dropped},
    body=models.DropCaller,
    codes=(*_MOVING, "not_waiting"),
)
def drop(request: Request) -> Answer:
    """Take one caller off a queue: move them, or hang up.

    202: the platform heard it. A caller whose call had ended is taken off all the same.
    """
    wanted: models.DropCaller = request.body
    queue, uuid = request.path["name"], wanted.call_uuid
    try:
        with request.shares.asking.held():
            done = doing.drop(
                request.runtime,
                uuid,
                queue,
                aleg=wanted.aleg or "",
                params=wanted.params,
                asked_by=request.caller.id,
            )
    except (CallflowsError, ApiError) as error:
        _log(request, f"drop of call {uuid}", error.code)
        raise
    _log(request, f"drop of call {uuid}", done.done)
    moved = done.moved
    warnings = [in_our_words(text) for text in moved.warnings] if moved else []
    transfer = transfer_object(moved.transfer, None, warnings) if moved else None
    return Answer({"call_uuid": uuid, "queue": done.caller.queue, "done": done.done, "transfer": transfer}, 202)


def _queue(name: str, callers: Sequence[Waiting]) -> dict[str, object]:
    free = [caller for caller in callers if not caller.claim]
    return {"name": name, "waiting": len(free), "longest_since": free[0].joined_at if free else None}


def _log(request: Request, what: str, outcome: str) -> None:
    # whatever stands in the path, it stays within one line
    log.info("%.200s asked for by %s: %s (request %s)", ascii(what)[1:-1], request.caller.id, outcome, request.id)
