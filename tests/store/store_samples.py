"""Exchanges and transfers to store."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st

from callflows.models import (
    ELSEWHERE,
    CallEvent,
    CallValues,
    DialValues,
    EventKind,
    Exchange,
    InputValues,
    Leg,
    LegTarget,
    Outcome,
    RecordingValues,
    Transfer,
)


def exchange(number: int | str = 0, **changes: Any) -> Exchange:
    call = changes.pop("call", "call-1")
    event = changes.pop(
        "event",
        CallEvent(
            EventKind.DOCUMENT,
            CallValues(uuid=call, from_number="+14155550100", to_number="+14155550199", status="in-progress"),
            raw={"CallUUID": call, "From": "14155550100", "To": "14155550199", "CallStatus": "in-progress"},
        ),
    )
    values: dict[str, Any] = {
        "id": f"x{number}",
        "at": 1_764_000_000.0 + (number if isinstance(number, int) else 0),
        "provider": "plivo",
        "outcome": Outcome.STEP,
        "event": event,
        "flow": "forward",
        "step": "aleg",
        "document": "<Response><Hangup/></Response>",
    }
    return Exchange(**(values | changes))


def transfer(**changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "provider": "plivo",
        "call_uuid": "call-1",
        "targets": {Leg.A: LegTarget("forward", "aleg"), Leg.B: LegTarget("hold", "bleg")},
        "params": {"to": "+14155550123", "count": 3, "loud": True},
        "requested_at": 1_764_000_000.5,
    }
    return Transfer(**(values | changes))


# Undecodable bytes of a request are kept as U+DC80..DCFF; other surrogates do not occur in a WebhookRequest
_characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]),
    st.sampled_from("\0\n\r\t\\\"'<>&\u2028\ufffe\U0001f600"),
)
texts = st.text(_characters, max_size=20)
_maps = st.dictionaries(texts, texts, max_size=4)
_seconds = st.floats(min_value=1e9, max_value=4e9)
_milliseconds = st.floats(min_value=0.001, max_value=1e5)

events = st.builds(
    CallEvent,
    kind=st.sampled_from(EventKind),
    call=st.builds(
        CallValues,
        *[texts] * 9,
        sip_headers=_maps,
    ),
    input=st.builds(InputValues, *[texts] * 4),
    dial=st.builds(DialValues, *[texts] * 6),
    recording=st.builds(RecordingValues, *[texts] * 3),
    hangup_cause=texts,
    hangup_code=texts,
    hangup_source=texts,
    raw=_maps,
)
exchanges = st.builds(
    Exchange,
    id=st.uuids().map(lambda value: value.hex),
    at=_seconds,
    provider=st.sampled_from(["plivo", "vobiz"]),
    outcome=st.sampled_from(Outcome),
    event=events,
    flow=texts,
    step=texts,
    version=texts,
    leg=texts,
    transfer_id=texts,
    reason=texts,
    http_status=st.integers(100, 599),
    duration_ms=_milliseconds,
    document=texts,
    problems=st.lists(texts, max_size=3).map(tuple),
    state=st.dictionaries(texts, st.one_of(texts, st.integers(), st.booleans()), max_size=3),
    queue=st.sampled_from(["", ELSEWHERE, "support"]),
)
