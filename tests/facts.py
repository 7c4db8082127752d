"""Exchanges and transfers to fold: a call that is moved, and what the platform may tell of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from callflows.known.progress import DIAL_FAILURES
from callflows.models import (
    CallEvent,
    CallValues,
    DialValues,
    EventKind,
    Exchange,
    Leg,
    LegTarget,
    Outcome,
    Transfer,
    TransferStatus,
)

A, B = "call-a", "call-b"
DIAL = '<Response><Dial callbackUrl="https://x/e"><Number sendDigits="1">+14155550123</Number></Dial></Response>'
TWO = '<Response><Dial action="https://x/d"><Number>+14155550123</Number><User>sip:x@y</User></Dial></Response>'
PLAIN = "<Response><!-- <Dial> later --><Play>https://x/y.mp3</Play></Response>"

_ids = itertools.count()


def transfer(**changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "id": "t1",
        "provider": "plivo",
        "call_uuid": A,
        "targets": {Leg.A: LegTarget("forward", "aleg")},
        "status": TransferStatus.ACCEPTED,
        "requested_at": 10.0,
    }
    return Transfer(**(values | changes))


BOTH = {Leg.A: LegTarget("forward", "aleg"), Leg.B: LegTarget("hold", "bleg")}


def exchange(at: float, kind: EventKind = EventKind.DOCUMENT, **values: Any) -> Exchange:
    """One of leg A of transfer t1, unless said otherwise."""
    uuid = values.pop("uuid", A)
    dial = DialValues(**{name: values.pop(name) for name in ("b_leg_uuid", "b_leg_number") if name in values})
    dial = replace(dial, status=values.pop("dial_status", ""), hangup_cause=values.pop("dial_cause", ""))
    call = CallValues(uuid=uuid, status=values.pop("status", "in-progress"))
    hangup = {name: values.pop(name) for name in ("hangup_cause", "hangup_code", "hangup_source") if name in values}
    fields: dict[str, Any] = {
        "id": f"e{next(_ids):04d}",
        "at": at,
        "provider": "plivo",
        "outcome": Outcome.STEP,
        "event": CallEvent(kind, call, dial=dial, **hangup),
        "flow": "forward",
        "step": "aleg",
        "leg": "aleg",
        "transfer_id": "t1",
    }
    return Exchange(**(fields | values))


def hangup(at: float, code: str = "4000", cause: str = "NORMAL_CLEARING", **values: Any) -> Exchange:
    fields: dict[str, Any] = {"transfer_id": "", "leg": "", "outcome": Outcome.NOTED, "status": "completed"}
    return exchange(at, EventKind.HANGUP, **(fields | values), hangup_code=code, hangup_cause=cause)


def result(at: float, status: str, **values: Any) -> Exchange:
    return exchange(at, EventKind.DIAL_RESULT, dial_status=status, step="done", **values)


fetch = exchange(11, document=PLAIN)
dialling = exchange(11, document=DIAL)
answered = exchange(15, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED, b_leg_uuid="far", b_leg_number="+14155550123")
safe = exchange(12, outcome=Outcome.SAFE, reason="template.error: forward/aleg.xml:3")


# --- anything the platform could say

_choices = {
    "at": st.integers(5, 30).map(float),
    "uuid": st.sampled_from([A, B, "far", ""]),
    "leg": st.sampled_from(["aleg", "bleg", ""]),
    "transfer_id": st.sampled_from(["t1", "t1", "t1", "t0", ""]),
    "outcome": st.sampled_from(Outcome),
    "kind": st.sampled_from(EventKind),
    "status": st.sampled_from(["", "ringing", "in-progress", "completed", "busy", "odd"]),
    "dial_status": st.sampled_from(["", "completed", "Busy", "odd", *DIAL_FAILURES]),
    "b_leg_uuid": st.sampled_from(["", B, "far"]),
    "b_leg_number": st.sampled_from(["", "+14155550123"]),
    "hangup_code": st.sampled_from(["", "4000", "8013", "7011"]),
    "hangup_cause": st.sampled_from(["", "NORMAL_CLEARING"]),
    "document": st.sampled_from(["", PLAIN, DIAL, TWO]),
    "reason": st.sampled_from(["", "template.error"]),
}
any_exchange = st.fixed_dictionaries(_choices).map(lambda values: exchange(**values))
any_exchanges = st.lists(any_exchange, max_size=12)
