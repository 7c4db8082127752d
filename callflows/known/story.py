"""What is known of a transfer by now: from the store, and where a leg does not come, from the platform."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ..errors import RequestInvalid, StoreError
from ..keeper import STATE_FILE, journals_waiting
from ..models import Exchange, Leg, LegStatus, Outcome, Transfer, TransferStatus
from ..runtime import Runtime
from ..urls import is_loopback
from .lookups import PATIENCE, Answer, lookups_of
from .progress import Progress, fold_transfer

# A platform fetches within a second or two of its 202; what takes longer deserves a word.
LATE_SECONDS = 3.0

_FIRST_POLL, _LAST_POLL, _SLOWER = 0.25, 1.0, 1.3


@dataclass(frozen=True, slots=True)
class Story:
    """`exchanges` are all that tell something of the transfer, in time order; refused requests are among them."""

    progress: Progress
    exchanges: Sequence[Exchange]


def read(runtime: Runtime, transfer_id: str, *, patience: float = PATIENCE) -> Story:
    """What is known of a transfer by now. One read of the store; where a leg does not fetch its document, the platform
    is asked about the call, which takes `patience` seconds at most. Raise RequestInvalid when there is none such,
    StoreError.
    """
    found = runtime.store.story(transfer_id)
    if found is None:
        raise RequestInvalid(f"there is no transfer {transfer_id!r}", hint="see `callflows transfers list`")
    transfer, exchanges = found
    now = time.time()
    known = fold_transfer(transfer, exchanges, now=now)
    if not _is_late(known, now):
        return Story(known, exchanges)
    answer = _look_up(runtime, transfer, patience)
    waiting = _journals_waiting(runtime)
    if answer and answer.over and not waiting:  # else the fetch may lie in a journal
        known = fold_transfer(transfer, exchanges, now=max(now, answer.at), over_at=answer.at)
    return Story(replace(known, advice=tuple(_advice(runtime, known, exchanges, answer, waiting))), exchanges)


def wait(runtime: Runtime, transfer_id: str, seconds: float) -> Progress:
    """Until the transfer is settled, for at most so many seconds. A store that goes away meanwhile is waited for."""
    until = time.monotonic() + seconds
    pause = _FIRST_POLL
    found = read(runtime, transfer_id).progress
    while not found.settled and (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * _SLOWER, _LAST_POLL)
        left = until - time.monotonic()
        try:
            found = read(runtime, transfer_id, patience=min(max(left, 0.0), PATIENCE)).progress
        except StoreError:
            if left <= 0:
                raise
    return found


def _is_late(known: Progress, now: float) -> bool:
    asked = known.transfer.settled_at or known.transfer.requested_at
    refused = known.transfer.status is TransferStatus.REJECTED
    return known.unfetched and not refused and now - asked >= LATE_SECONDS


def _look_up(runtime: Runtime, transfer: Transfer, patience: float) -> Answer | None:
    try:
        provider = runtime.provider(transfer.provider)
    except RequestInvalid:  # another installation on the same store knows this provider, this one does not
        return None
    if not provider.has_credentials or provider.config_fault():
        return None
    return lookups_of(runtime).ask(transfer.id, lambda: provider.live_call(transfer.call_uuid), patience)


def _journals_waiting(runtime: Runtime) -> list[str]:
    """There are none where no server ever ran, and after one that ended in order: a drained journal is removed."""
    state = runtime.settings.state_dir
    if not (state / STATE_FILE).exists() or not any((state / "journal").glob("*.journal")):
        return []
    return journals_waiting(runtime.settings)


def _advice(
    runtime: Runtime, known: Progress, exchanges: Sequence[Exchange], answer: Answer | None, waiting: Sequence[str]
) -> list[str]:
    """The surest first: what is seen here, what the platform says, what is usual."""
    transfer = known.transfer
    found: list[str] = []
    refused = [e for e in exchanges if e.outcome is Outcome.REJECTED and e.at >= transfer.requested_at]
    if refused:
        why = refused[-1].reason
        found.append(
            f"{len(refused)} request(s) for this call were refused since{why and ', the last: '}{why}"
            " (`callflows check --request` says what would have made them match)"
        )
    found += [f"a fetch may merely not be stored yet: {why}" for why in waiting]
    if answer and answer.over:
        why = "" if waiting else ": it ended, or hung up, before it fetched"
        return [*found, f"the platform says that the call is over{why}"]
    if answer and answer.live:
        said = f" ({answer.live.status})" if answer.live.status else ""
        found.append(f"the platform says that the call is still live{said}: it has not fetched, and may yet")
    elif answer:
        found.append(f"the platform could not be asked about the call: {answer.fault}")
    if transfer.status is not TransferStatus.ACCEPTED and not any(s.fetched_at for s in known.legs.values()):
        found.append("usually: the platform never acted; if the caller is where he was, transfer again, with a new key")
        return found
    missing = {leg for leg, state in known.legs.items() if state.status is LegStatus.WAITING}
    if Leg.A not in missing:  # the platform does reach us
        if Leg.B in missing:
            found.append("usually: no leg is bridged to the call, so there is no B leg to move")
        return found
    url = runtime.settings.public_url or "not set here"
    host = urlsplit(url).hostname or ""
    if is_loopback(host):
        found.append(f"CALLFLOWS_PUBLIC_URL is {url}: only a platform on this machine can fetch from there")
    else:
        found.append(
            f"usually: CALLFLOWS_PUBLIC_URL ({url}) is not reachable from outside, or something in front of it "
            "answers instead; try `callflows check --live`"
        )
    found.append("or: a Stream with keepCallAlive runs on the call, and the platform fetches only when that has ended")
    return found
