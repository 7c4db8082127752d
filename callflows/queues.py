"""Callers who wait: moving whoever has waited longest into a flow, and taking one off the queue.

    claim, in one transaction -> preflight -> row written -> platform asked once -> the fetch ends the stay

A claim is nobody else's. It is given back where surely nothing was done; kept where the platform may have acted, or
somebody is moving the caller already. A claim whose owner died is given back by the store when the caller is served a
waiting step again (`store.queues`). So nobody is moved by two, and nobody is forgotten.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .config import Settings
from .errors import (
    CallflowsError,
    CallNotLive,
    NotWaiting,
    OutcomeUnknown,
    QueueEmpty,
    RequestInvalid,
    StoreError,
    TransferInFlight,
)
from .flows import is_name
from .models import Leg, Transfer, TransferStatus, Waiting
from .runtime import Runtime
from .targets import choose_provider
from .transfers import Plan, fingerprint_of, prepare, request, require_key, require_params, transfer_of_key

log = logging.getLogger("callflows.queues")

TRIES = 20  # callers in a row who turn out to be gone, or on their way already


@dataclass(frozen=True, slots=True)
class Moved:
    """`repeated`: it was asked for before, with this idempotency key; nothing was done now."""

    transfer: Transfer
    warnings: tuple[str, ...] = ()
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """`done`: moved (with the transfer), hung_up, or gone, when the call had ended before."""

    caller: Waiting
    done: str
    moved: Moved | None = None


def next_caller(
    queue: str,
    aleg: str,
    params: Mapping[str, object] | None = None,
    provider: str | None = None,
    *,
    idempotency_key: str | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
) -> Transfer:
    """Move whoever has waited longest in the queue: `aleg="forward"` sends them to forward/aleg; `flow/step` names a
    step. As `transfer_call`, and QueueEmpty when nobody waits (on that provider).
    """
    runtime = Runtime(settings)
    try:
        return take_next(
            runtime,
            str(queue or ""),
            aleg=aleg or "",
            params=params or {},
            provider=provider or "",
            idempotency_key=idempotency_key,
        ).transfer
    finally:
        runtime.close()


def take_next(
    runtime: Runtime,
    queue: str,
    *,
    aleg: str,
    params: Mapping[str, object],
    provider: str = "",
    idempotency_key: str | None = None,
    asked_by: str = "python",
    force: bool = False,
) -> Moved:
    """Move whoever has waited longest. Who is gone, as the platform says, leaves the queue, and the one after is taken;
    so it is when the first is on their way already. Otherwise as `transfers.prepare` and `request`; QueueEmpty.
    """
    _require_name(queue)
    require_key(idempotency_key)
    require_params(params)
    if not aleg:
        raise RequestInvalid("where shall they go?", hint="name a flow, or FLOW/STEP")
    how: dict[str, Any] = {"aleg": aleg, "params": params, "asked_by": asked_by}
    how["fingerprint"] = fingerprint_of(f"next in {queue}", {Leg.A: aleg}, params, provider)
    providers = _providers(runtime, provider)
    number, tries = 1, 0
    while True:
        key = _attempt(idempotency_key, number)
        earlier = transfer_of_key(runtime, key, how["fingerprint"])
        if earlier is not None and not is_gone(earlier):
            return Moved(earlier, repeated=True)
        if earlier is not None:
            number += 1
            continue
        caller = runtime.store.claim_next(queue, providers, claim=uuid.uuid4().hex, at=time.time())
        if caller is None:
            raise _empty(runtime, queue, provider)
        tries += 1
        try:
            moved = _move(runtime, caller, idempotency_key=key, force=force, **how)
        except (CallNotLive, TransferInFlight) as error:
            if isinstance(error, CallNotLive):
                _leave(runtime, caller)
            log.info("queue %s: call %s is not taken: %s", queue, caller.call_uuid, error.message)
            if tries >= TRIES:
                raise
            continue
        if not moved.repeated:
            return moved


def plan_next(runtime: Runtime, queue: str, *, aleg: str, params: Mapping[str, object], provider: str = "") -> Plan:
    """What `take_next` would do for whoever is next now. Sends nothing, claims nobody."""
    _require_name(queue)
    providers = _providers(runtime, provider)
    for caller in runtime.store.waiting(queue):
        if caller.provider in providers and not caller.claim:
            return prepare(runtime, caller.call_uuid, aleg=aleg, params=params, provider=caller.provider, bridged=False)
    raise _empty(runtime, queue, provider)


def drop(
    runtime: Runtime,
    call_uuid: str,
    queue: str = "",
    *,
    aleg: str = "",
    params: Mapping[str, object] | None = None,
    asked_by: str = "python",
) -> Dropped:
    """Take one caller off the queue they wait in (this one, if it is named): move them, or hang up. NotWaiting when
    they wait in none. As for `transfers.prepare` and `request` otherwise.
    """
    caller = runtime.store.claim_caller(call_uuid, queue, claim=uuid.uuid4().hex, at=time.time())
    if caller is None:
        where = f"does not wait in {queue[:80]!r}" if queue else "waits in no queue"
        raise NotWaiting(f"call {call_uuid[:80]!r} {where}", hint="see `callflows queue list`")
    try:
        if aleg:
            moved = _move(runtime, caller, aleg=aleg, params=params or {}, asked_by=asked_by)
            return Dropped(caller, "moved", moved)
        with _given_back_unless_done(runtime, caller):
            name = choose_provider(runtime, caller.call_uuid, caller.provider)
            runtime.provider(name).hang_up(caller.call_uuid)
        done = "hung_up"
    except CallNotLive:
        done = "gone"
    except TransferInFlight:
        _give_back(runtime, caller)
        raise
    _leave(runtime, caller)
    return Dropped(caller, done)


def is_gone(transfer: Transfer) -> bool:
    """Whether it found its caller gone: not what was asked for with its idempotency key, but one try of it."""
    return transfer.status is TransferStatus.REJECTED and transfer.reason == CallNotLive.code


def _move(
    runtime: Runtime,
    caller: Waiting,
    *,
    aleg: str,
    params: Mapping[str, object],
    asked_by: str,
    fingerprint: str = "",
    idempotency_key: str | None = None,
    force: bool = False,
) -> Moved:
    """One claimed caller. With CallNotLive and TransferInFlight they stay claimed."""
    with _given_back_unless_done(runtime, caller):
        plan = prepare(
            runtime,
            caller.call_uuid,
            aleg=aleg,
            params=params,
            provider=caller.provider,
            idempotency_key=idempotency_key,
            asked_by=asked_by,
            fingerprint=fingerprint,
            bridged=False,
        )
        done = request(runtime, plan, force=force)
    if plan.repeated or done.id != plan.transfer.id:  # the same was asked for elsewhere, at this moment
        _give_back(runtime, caller)
        return Moved(done, repeated=True)
    return Moved(done, (*plan.warnings, *(text for leg in plan.legs for text in leg.warnings)))


@contextlib.contextmanager
def _given_back_unless_done(runtime: Runtime, caller: Waiting) -> Iterator[None]:
    """Where surely nothing was done they wait at their place again."""
    try:
        yield
    except (CallNotLive, OutcomeUnknown, TransferInFlight):
        raise
    except CallflowsError:
        _give_back(runtime, caller)
        raise


def _give_back(runtime: Runtime, caller: Waiting) -> None:
    try:
        runtime.store.give_back(caller)
    except StoreError as error:
        log.warning("call %s waits again at the next step it is served: %s", caller.call_uuid, error)


def _leave(runtime: Runtime, caller: Waiting) -> None:
    try:
        runtime.store.leave(caller)
    except StoreError as error:  # the platform has answered: nobody must think that it was not asked
        log.warning("call %s stays in its queue until its hang-up is told: %s", caller.call_uuid, error)


def _require_name(queue: str) -> None:
    if not is_name(queue):
        raise RequestInvalid(f"{queue[:80]!r} is no queue's name", hint="lower-case letters, digits, - and _")


def _providers(runtime: Runtime, name: str) -> list[str]:
    """Whose callers may be moved from here. Refuses a provider that is unknown or has no credentials."""
    found = runtime.providers_in_use()
    return found if len(found) > 1 and not name else [choose_provider(runtime, "", name)]


def _attempt(idempotency_key: str | None, number: int) -> str | None:
    """The key of one try: callers who are gone take one each, so that asking again comes to the same caller."""
    if idempotency_key is None or number == 1:
        return idempotency_key
    return f"{hashlib.sha256(idempotency_key.encode()).hexdigest()} {number}"


def _empty(runtime: Runtime, queue: str, provider: str) -> QueueEmpty:
    there = Counter(caller.queue for caller in runtime.store.waiting() if not caller.claim)
    hint = f"somebody waits in {', '.join(f'{name} ({count})' for name, count in there.items())}" if there else ""
    where = f"{queue} on {provider}" if provider else queue
    return QueueEmpty(f"nobody waits in {where}", hint=hint, waiting_in=there)
