"""What is known, as JSON objects: the same from the command line and over HTTP. Times are Unix seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..models import Exchange, Leg, Transfer, Waiting
from ..providers import LiveCall
from .calls import CallState
from .progress import Progress


def transfer_object(
    transfer: Transfer, progress: Progress | None = None, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """A transfer. With `progress`, `legs` carries each leg's state (what is not known of it is left out), and there
    are `settled`, `ok`, `outcome` (open, done, failed, rejected), `outcome_reason` and `summary`, both in words, and
    `advice`, why a leg that is not fetched usually is not.
    `status`, `reason` (an error's code) and `message` are about the platform's answer alone.
    """
    legs = {
        leg.value: {"target": str(target), **(_leg_object(progress, leg) if progress else {})}
        for leg, target in transfer.targets.items()
    }
    found: dict[str, Any] = {
        "id": transfer.id,
        "provider": transfer.provider,
        "call_uuid": transfer.call_uuid,
        "status": transfer.status.value,
        "reason": transfer.reason,
        "message": transfer.message,
        "api_id": transfer.api_id,
        "http_status": transfer.http_status,
        "requested_at": transfer.requested_at,
        "settled_at": transfer.settled_at,
        "idempotency_key": transfer.idempotency_key,
        "asked_by": transfer.asked_by,
        "params": dict(transfer.params),
        "legs": legs,
        "warnings": list(warnings),
    }
    if progress is not None:
        found |= {
            "settled": progress.settled,
            "ok": progress.ok,
            "outcome": progress.outcome,
            "outcome_reason": progress.reason,
            "summary": progress.summary,
            "advice": list(progress.advice),
        }
    return found


def call_object(state: CallState) -> dict[str, Any]:
    """A call, from what the platform told us of it."""
    return asdict(state)


def live_call_object(provider: str, call: LiveCall) -> dict[str, Any]:
    """A call, as the platform sees it now."""
    names = ("from_number", "to_number", "direction", "status", "caller_name", "request_uuid", "started")
    return {"call_uuid": call.uuid, "provider": provider, **{name: getattr(call, name) for name in names}}


def waiting_object(caller: Waiting, position: int | None) -> dict[str, Any]:
    """A caller in a queue. `position` 1 is next; None while somebody moves them, since `claimed_at`."""
    names = ("call_uuid", "queue", "provider", "number", "flow", "step", "leg", "joined_at", "claimed_at")
    return {**{name: getattr(caller, name) for name in names}, "position": position}


def queue_objects(callers: Sequence[Waiting]) -> list[dict[str, Any]]:
    """Callers as the store gives them, with their positions."""
    ahead: Counter[str] = Counter()
    found = []
    for caller in callers:
        ahead[caller.queue] += not caller.claim
        found.append(waiting_object(caller, None if caller.claim else ahead[caller.queue]))
    return found


def exchange_object(exchange: Exchange) -> dict[str, Any]:
    """One request of the platform and what we answered; `params` are the platform's own, `document` what it got,
    `state` what steps before had carried over."""
    return {
        "id": exchange.id,
        "at": exchange.at,
        "kind": exchange.event.kind.value,
        "flow": exchange.flow,
        "step": exchange.step,
        "leg": exchange.leg,
        "transfer_id": exchange.transfer_id,
        "outcome": exchange.outcome.value,
        "reason": exchange.reason,
        "call_uuid": exchange.event.call.uuid,
        "document": exchange.document,
        "state": dict(exchange.state),
        "params": dict(exchange.event.raw),
    }


def _leg_object(progress: Progress, leg: Leg) -> dict[str, Any]:
    state = asdict(progress.legs[leg])
    return {name: value for name, value in state.items() if value not in ("", None)}
