"""Transfers: moving a live call into a flow, and knowing what came of it.

    ask -> flow, legs, params -> preflight by compose() -> row written -> leg URLs -> platform asked once
        -> row settled -> each fetch confirms -> dial events finish it

A transfer interrupts a living conversation and has no fallback URL, so everything that can be found wrong is found
before the platform is asked.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .config import Settings
from .documents import dialled_numbers
from .errors import (
    CallflowsError,
    CallNotLive,
    KeyReused,
    OutcomeUnknown,
    PreflightFailed,
    ProviderError,
    RequestInvalid,
    StoreError,
)
from .flows import resolve_params
from .flows.trying.sampling import SAMPLE_CALL
from .known.calls import CallState, fold
from .models import ASKERS, CallEvent, CallValues, EventKind, Leg, LegTarget, Transfer, TransferStatus
from .providers import Receipt
from .runtime import Runtime
from .signing import IN_CALL_SECONDS, Scalar, Token
from .store import Admission
from .targets import choose_provider, find_flow, find_target, judged, signed_url
from .urls import step_path

log = logging.getLogger("callflows.transfers")

MAX_KEY = 255
NEAR = 10  # transfers before the platform hangs up
_UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


@dataclass(frozen=True, slots=True)
class LegPlan:
    """One leg, ready to go: the URL the platform will fetch, and the document it would get now."""

    leg: Leg
    target: LegTarget
    url: str
    document: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A transfer that passed its preflight and was not asked for yet. `repeated`: it was, with this idempotency key,
    and `transfer` is what became of it. `destinations` are the numbers it dials that no operator has named.
    """

    transfer: Transfer
    legs: tuple[LegPlan, ...] = ()
    warnings: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    repeated: bool = False


def transfer_call(
    call_uuid: str,
    aleg: str | None = None,
    bleg: str | None = None,
    params: Mapping[str, object] | None = None,
    provider: str | None = None,
    *,
    idempotency_key: str | None = None,
    force: bool = False,
    settings: Settings | Mapping[str, Any] | None = None,
) -> Transfer:
    """Move a live call: `aleg="support"` sends its A leg to support/aleg, `bleg="hold"` the leg bridged to it to
    hold/bleg; `flow/step` names a step. Needs no app context; settings come from the environment.

    Returns the transfer as the platform answered it: accepted, which is "heard", not "done" (see
    `callflows transfers show`). Raises a CallflowsError: one of ours before anything was sent, a ProviderError
    after the platform said no, OutcomeUnknown when it may have acted. Values in `params` count as coming from
    outside: numbers among them must match DIAL_ALLOW. `force`: also when the leg is on its way already.
    """
    runtime = Runtime(settings)
    try:
        plan = prepare(
            runtime,
            str(call_uuid or ""),
            aleg=aleg or "",
            bleg=bleg or "",
            params=params or {},
            provider=provider or "",
            idempotency_key=idempotency_key,
        )
        return request(runtime, plan, force=force)
    finally:
        runtime.close()


def prepare(
    runtime: Runtime,
    call_uuid: str,
    *,
    aleg: str = "",
    bleg: str = "",
    params: Mapping[str, object],
    provider: str = "",
    idempotency_key: str | None = None,
    asked_by: str = "python",
    fingerprint: str = "",
    bridged: bool = True,
) -> Plan:
    """Everything that can be known before a call is touched. Sends nothing, writes nothing.

    With an idempotency key that was used before, for the same, nothing is looked at but what became of that; KeyReused
    when it was for something else (`fingerprint`, where it is not the call and what else is given here). Unless
    `bridged`, nothing is said of a leg that is not moved.
    """
    require_key(idempotency_key)
    if not _UUID.fullmatch(call_uuid):
        raise RequestInvalid(
            "the call UUID is empty" if not call_uuid else f"{call_uuid[:80]!r} is not a call UUID",
            hint="`callflows calls list --live` shows the calls there are",
        )
    asked = {leg: str(text) for leg, text in ((Leg.A, aleg), (Leg.B, bleg)) if text}
    if not asked:
        raise RequestInvalid("no leg to transfer", hint="give --aleg FLOW, --bleg FLOW, or both")
    require_params(params)
    fingerprint = fingerprint or fingerprint_of(call_uuid, asked, params, provider)
    earlier = transfer_of_key(runtime, idempotency_key, fingerprint)
    if earlier is not None:
        return Plan(earlier, repeated=True)
    runtime.settings.require_public_url()
    name = choose_provider(runtime, call_uuid, provider)
    warnings = _warn_of_new_key(runtime)
    targets = {leg: find_target(runtime, text, leg) for leg, text in asked.items()}
    typed = _params_of(runtime, targets, params)
    transfer = Transfer(
        id=uuid.uuid4().hex,
        provider=name,
        call_uuid=call_uuid,
        targets=targets,
        params={key: value for own in typed.values() for key, value in own.items()},
        idempotency_key=idempotency_key,
        asked_by=asked_by,
        fingerprint=fingerprint,
    )
    call, seen = _known_call(runtime, call_uuid)
    if seen.status == "completed":
        warnings.append(f"we have seen call {call_uuid} hang up")
    if len(targets) == 1 and bridged:
        other, given = ("B", "--bleg") if Leg.A in targets else ("A", "--aleg")
        warnings.append(f"{other} leg: {runtime.provider(name).other_leg_fate}; give {given} to say where it goes")
    warnings += _warn_of_limit(runtime, name, call_uuid)
    known = bool(seen.from_number and seen.to_number)
    legs = [_plan_leg(runtime, transfer, leg, typed[leg], call, sampled=not known) for leg in targets]
    return Plan(transfer, tuple(legs), tuple(warnings), _destinations(runtime, legs))


def request(
    runtime: Runtime,
    plan: Plan,
    *,
    force: bool = False,
    ask: Callable[[Callable[[], Receipt]], Receipt] = lambda send: send(),
) -> Transfer:
    """Write the row, ask the platform once, settle the row. The row is there before any fetch can come.

    `ask` is given what sends the request, to choose the moment; whoever sends again must know that nothing was done.

    With an idempotency key that was used before, nothing is sent, and the earlier transfer comes back (its `id` is
    not the plan's, or the plan is `repeated`); KeyReused when that was another one. Else TransferInFlight, unless
    `force`, while another transfer moves the same leg, and SpendLimitReached: with those nothing is written.
    """
    if plan.repeated:
        return plan.transfer
    wanted = replace(plan.transfer, requested_at=time.time())
    settings = runtime.settings
    admission = Admission(
        destinations=plan.destinations,
        per_call=settings.transfers_per_call,
        per_destination=settings.transfers_per_destination,
        per_token=0 if wanted.asked_by in ASKERS else settings.transfers_per_token,
        in_flight_allowed=force,
    )
    transfer = runtime.store.add_transfer(wanted, admission)
    if transfer.id != wanted.id:
        _require_same(transfer, wanted.fingerprint)
        return transfer
    urls = {leg.leg: leg.url for leg in plan.legs}
    try:
        receipt = ask(
            lambda: runtime.provider(transfer.provider).transfer(
                transfer.call_uuid,
                legs="both" if len(urls) == 2 else str(next(iter(urls))),
                aleg_url=urls.get(Leg.A, ""),
                aleg_method="POST" if Leg.A in urls else "",
                bleg_url=urls.get(Leg.B, ""),
                bleg_method="POST" if Leg.B in urls else "",
            )
        )
    except CallflowsError as error:
        unknown = isinstance(error, OutcomeUnknown)
        said = error if isinstance(error, ProviderError) else ProviderError(error.message)
        said.transfer_id = transfer.id
        _settle(
            runtime,
            transfer,
            status=TransferStatus.UNKNOWN if unknown else TransferStatus.REJECTED,
            http_status=said.http_status,
            api_id=said.api_id,
            reason=error.code,
            message=error.message,
        )
        raise
    return _settle(
        runtime,
        transfer,
        status=TransferStatus.ACCEPTED,
        http_status=receipt.http_status,
        api_id=receipt.api_id,
        message=receipt.message,
    )


def stop_streams(runtime: Runtime, transfer: Transfer) -> str:
    """End the call's streams once its transfer is accepted: a platform may hold the fetch back until a Stream with
    keepCallAlive has ended, and ended before the transfer it would have ended the call. "", or in words why not.
    """
    if transfer.status is not TransferStatus.ACCEPTED:
        return f"streams are left alone: the transfer is {transfer.status}"
    try:
        runtime.provider(transfer.provider).stop_streams(transfer.call_uuid)
    except CallNotLive:
        return "there was no stream to end"
    except CallflowsError as error:
        return f"the call's streams could not be ended: {error}"
    return ""


def require_key(idempotency_key: str | None) -> None:
    if idempotency_key is not None and not (0 < len(idempotency_key) <= MAX_KEY and idempotency_key.isprintable()):
        raise RequestInvalid(f"an idempotency key is 1 to {MAX_KEY} printable characters")


def require_params(params: object) -> None:
    if not isinstance(params, Mapping):
        raise RequestInvalid("params are given as a mapping of names to values")
    if not all(isinstance(name, str) for name in params):
        raise RequestInvalid("the names of params are strings")


def transfer_of_key(runtime: Runtime, idempotency_key: str | None, fingerprint: str) -> Transfer | None:
    """The transfer that has the key; KeyReused when it is another one than this."""
    found = runtime.store.transfer_of_key(idempotency_key) if idempotency_key is not None else None
    if found is not None:
        _require_same(found, fingerprint)
    return found


def fingerprint_of(whom: str, asked: Mapping[Leg, str], params: Mapping[str, object], provider: str) -> str:
    """Of what was asked for, in the words it was asked in."""
    said = [whom, {str(leg): text for leg, text in asked.items()}, dict(params), provider]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _require_same(earlier: Transfer, fingerprint: str) -> None:
    if earlier.fingerprint != fingerprint:
        raise KeyReused(
            f"the idempotency key was used for transfer {earlier.id}, which is another one",
            hint="use a new key for a new transfer",
        )


def _destinations(runtime: Runtime, legs: Iterable[LegPlan]) -> tuple[str, ...]:
    """The numbers these documents dial, without those that an operator named: in the flow's own files, or one by one
    in DIAL_ALLOW.
    """
    found: dict[str, None] = {}
    for leg in legs:
        written = runtime.composer.written_in(find_flow(runtime, leg.target.flow))
        for number in dialled_numbers(leg.document):
            if number not in written and not runtime.composer.policy.exactly(number):
                found.setdefault(number)
    return tuple(found)


def _warn_of_limit(runtime: Runtime, provider: str, call_uuid: str) -> list[str]:
    limit = runtime.provider(provider).most_transfers
    if not limit:
        return []
    so_far = runtime.store.count_transfers(call_uuid)
    if so_far < limit - NEAR:
        return []
    return [f"this would be transfer {so_far + 1} of call {call_uuid}; the platform hangs up a call after {limit}"]


def _settle(runtime: Runtime, transfer: Transfer, **outcome: Any) -> Transfer:
    settled = replace(transfer, settled_at=time.time(), **outcome)
    try:
        runtime.store.settle_transfer(
            transfer.id,
            settled.status,
            http_status=settled.http_status,
            api_id=settled.api_id,
            reason=settled.reason,
            message=settled.message,
            at=settled.settled_at or 0.0,
        )
    except StoreError as error:
        # The platform has answered; that its answer could not be written down does not unsay it.
        log.error("transfer %s is %s, but the store did not take it: %s", transfer.id, settled.status, error)
    return settled


def _params_of(
    runtime: Runtime, targets: Mapping[Leg, LegTarget], given: Mapping[str, object]
) -> dict[Leg, dict[str, Scalar]]:
    """Each flow gets the params it declares, typed as it declares them; one that no flow declares is a mistake of
    whoever asked.
    """
    flows = {leg: find_flow(runtime, target.flow) for leg, target in targets.items()}
    declared = {name for flow in flows.values() for name in flow.manifest.params}
    typed = {}
    for leg, flow in flows.items():
        others = declared - set(flow.manifest.params)
        own = {name: value for name, value in given.items() if name not in others}
        typed[leg] = resolve_params(flow.manifest.params, own, flow.name)
    return typed


def _warn_of_new_key(runtime: Runtime) -> list[str]:
    settings = runtime.settings
    if settings.secret_keys or settings.key_file.exists():
        return []
    return [
        f"links are signed with a new key, made in {settings.state_dir.absolute()}: a server with another "
        "CALLFLOWS_STATE_DIR does not know it; set CALLFLOWS_SECRET_KEYS for both"
    ]


def _known_call(runtime: Runtime, call_uuid: str) -> tuple[CallValues, CallState]:
    """What a document for this call is made with (samples for what we do not know), and what we have seen of it."""
    try:
        seen = fold(call_uuid, runtime.store.exchanges(call_uuids=[call_uuid]))
    except StoreError as error:
        raise StoreError(f"the transfer could not be written down, so it was not asked for: {error}") from error
    values = replace(
        SAMPLE_CALL,
        uuid=call_uuid,
        from_number=seen.from_number or SAMPLE_CALL.from_number,
        to_number=seen.to_number or SAMPLE_CALL.to_number,
        direction=seen.direction or SAMPLE_CALL.direction,
    )
    return values, seen


def _plan_leg(
    runtime: Runtime, transfer: Transfer, leg: Leg, params: Mapping[str, Scalar], call: CallValues, *, sampled: bool
) -> LegPlan:
    target = transfer.targets[leg]
    flow = find_flow(runtime, target.flow)
    token = Token(
        # the B leg's own UUID is learnt at its first fetch
        call_uuid=transfer.call_uuid if leg is Leg.A else "",
        transfer_id=transfer.id,
        leg=leg,
        params=params,
        version=flow.version,
        expires=int(time.time()) + IN_CALL_SECONDS,
    )
    event = CallEvent(EventKind.DOCUMENT, call)
    composed, document = judged(runtime, flow, target, transfer.provider, event, token, sampled=sampled)
    # what depends on the call's numbers would be refused when they are not allowed; now is the time to say so
    refused = [problem for problem in composed.problems if problem.code.startswith("policy.")]
    if refused:
        raise PreflightFailed(f"{leg} to {target} is refused: {refused[0]}", composed.problems)
    path = step_path(transfer.provider, target.flow, target.step)
    url = signed_url(runtime, transfer.provider, path, token)
    return LegPlan(leg, target, url, document, tuple(str(problem) for problem in composed.problems))
