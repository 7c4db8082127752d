"""POST /transfers, and what became of them."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from .. import transfers as doing
from ..bearer import Scope
from ..errors import CallflowsError, ProviderError, RequestInvalid
from ..known import story
from ..known.shapes import transfer_object
from ..models import Transfer, TransferStatus
from . import models
from .endpoints import BASE, Answer, Request, endpoint, provider_named
from .errors import PLATFORM, ApiError, Busy, in_our_words, told_again

log = logging.getLogger("callflows.api")

FIRST_ASKED_S = 10.0  # how long a repeated request waits for the first one's answer
_POLL_S = 0.1
_TOKEN = re.compile(r"\?t=[\w.~-]+", re.ASCII)

PREPARING = (
    "request_invalid",
    "flow_not_found",
    "param_invalid",
    "preflight_failed",
    "token_too_long",
    "config_invalid",
)
ASKING = (*PLATFORM, "call_not_live", "outcome_unknown")


@endpoint(
    "POST",
    "/transfers",
    Scope.TRANSFER,
    {202: models.TransferMade, 200: models.TransferPlan},
    body=models.NewTransfer,
    idempotent=True,
    codes=(*PREPARING, *ASKING, "idempotency_key_reused", "transfer_in_flight", "spend_limit", "store_unavailable"),
)
def create(request: Request) -> Answer:
    """Move a live call into a flow.

    Both documents are made and judged first; if anything is wrong with them, the call is left alone. Then the transfer
    is written down, and the platform is asked once. 202: the platform heard it. Whether it acted is seen when each leg
    fetches its document: `GET /transfers/{id}?wait=20`. With an Idempotency-Key, asking again does nothing and gives
    the same answer. With `dry_run`: 200 and what would be done.
    """
    wanted: models.NewTransfer = request.body
    if wanted.dry_run:
        return Answer(plan_object(_prepare(request, None)))
    plan = _prepare(request, request.idempotency_key)
    if plan.repeated:
        return repeat(request, plan.transfer)
    if not request.shares.asking.enter():
        plan = _prepare(request, request.idempotency_key) if request.idempotency_key else plan
        if plan.repeated:  # whoever has the turn is asking for this very one
            return repeat(request, plan.transfer)
        raise Busy()
    try:
        done = doing.request(request.runtime, plan, force=wanted.force)
    except CallflowsError as error:
        # of a refusal before anything was written, the transfer named is another one
        own = error.transfer_id if isinstance(error, ProviderError) else "-"
        log.warning(
            "transfer %s of call %s asked for by %s: %s: %s (request %s)",
            own, wanted.call_uuid, request.caller.id, error.code, error.message, request.id,
        )  # fmt: skip
        raise
    finally:
        request.shares.asking.leave()
    if done.id != plan.transfer.id:
        return repeat(request, done)
    log.info(
        "transfer %s of call %s asked for by %s: %s (request %s)",
        done.id, done.call_uuid, request.caller.id, done.status, request.id,
    )  # fmt: skip
    warnings = [in_our_words(text) for text in plan.warnings]
    return made(request, done, [*warnings, *(text for leg in plan.legs for text in leg.warnings)])


@endpoint(
    "GET",
    "/transfers/{id}",
    Scope.READ,
    {200: models.TransferKnown},
    query=models.TransferQuery,
    codes=("not_found", "store_unavailable"),
)
def show(request: Request) -> Answer:
    """One transfer, and what became of each leg.

    With `wait`: as soon as it is settled, or after so many seconds. Only a few requests may wait at once; where there
    is no room the present state comes at once, with a `Retry-After` header: ask again then.
    """
    id, seconds = request.path["id"], request.query.wait
    headers = {}
    try:
        if seconds and request.may_wait and request.shares.waiting.enter():
            try:
                found = story.wait(request.runtime, id, seconds)
            finally:
                request.shares.waiting.leave()
        else:
            found = story.read(request.runtime, id, patience=0).progress
            if seconds and not found.settled:
                headers["Retry-After"] = "1"
    except RequestInvalid:
        raise ApiError("not_found", f"there is no transfer {id[:80]!r}") from None
    return Answer(transfer_object(found.transfer, found), headers=headers)


@endpoint(
    "GET",
    "/transfers",
    Scope.READ,
    {200: models.TransferPage},
    query=models.TransfersQuery,
    codes=("request_invalid", "store_unavailable"),
)
def listed(request: Request) -> Answer:
    """The transfers, the newest first.

    `next_cursor` leads to the next page; null on the last one.
    """
    query: models.TransfersQuery = request.query
    store = request.runtime.store
    found = store.transfers(
        limit=query.limit + 1,
        call_uuid=query.call_uuid or "",
        status=query.status or "",
        provider=query.provider or "",
        asked_by=query.asked_by or "",
        since=query.since,
        until=query.until,
        before=query.cursor or "",
    )
    page = found[: query.limit]
    next_cursor = store.cursor_of(page[-1]) if len(found) > len(page) else None
    return Answer({"transfers": [transfer_object(each) for each in page], "next_cursor": next_cursor})


def _prepare(request: Request, key: str | None) -> doing.Plan:
    wanted: models.NewTransfer = request.body
    return doing.prepare(
        request.runtime,
        wanted.call_uuid,
        aleg=wanted.aleg or "",
        bleg=wanted.bleg or "",
        params=wanted.params,
        provider=provider_named(request, wanted.provider),
        idempotency_key=key,
        asked_by=request.caller.id,
    )


def repeat(request: Request, transfer: Transfer) -> Answer:
    """The answer that the first request of this key got, or is about to get."""
    transfer = first_answer(request, transfer)
    if transfer.status in (TransferStatus.REJECTED, TransferStatus.UNKNOWN):
        raise told_again(transfer)
    return made(request, transfer, repeated=True)


def first_answer(request: Request, transfer: Transfer) -> Transfer:
    """The transfer, once the platform has answered whoever asks for it now."""
    if request.may_wait and transfer.status is TransferStatus.REQUESTED and request.shares.waiting.enter():
        try:
            until = time.time() + FIRST_ASKED_S
            while time.time() < until:
                time.sleep(_POLL_S)
                transfer = request.runtime.store.transfer(transfer.id) or transfer
                if transfer.status is not TransferStatus.REQUESTED:
                    break
        finally:
            request.shares.waiting.leave()
    return transfer


def made(request: Request, transfer: Transfer, warnings: Sequence[str] = (), *, repeated: bool = False) -> Answer:
    location = f"{urlsplit(request.runtime.settings.public_url).path}{BASE}/transfers/{transfer.id}"
    return Answer({**transfer_object(transfer, None, warnings), "repeated": repeated}, 202, {"Location": location})


def plan_object(plan: doing.Plan) -> dict[str, object]:
    # without the legs' addresses, and without tokens: whoever holds one may speak for the call
    legs = {
        leg.leg.value: {
            "target": str(leg.target),
            "document": _TOKEN.sub("?t=…", leg.document),
            "warnings": list(leg.warnings),
        }
        for leg in plan.legs
    }
    transfer = plan.transfer
    found = {"dry_run": True, "call_uuid": transfer.call_uuid, "provider": transfer.provider}
    return {**found, "legs": legs, "warnings": [in_our_words(text) for text in plan.warnings]}
