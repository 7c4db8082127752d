"""The requests a step is tried with before it may go live: what the platform could tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..models import CallEvent, CallValues, DialValues, EventKind, InputValues

SAMPLE_CALL = CallValues(
    uuid="00000000-0000-4000-8000-000000000000",
    from_number="+14155550100",
    to_number="+14155550101",
    direction="inbound",
    status="in-progress",
)
_RAW: Mapping[str, str] = {"CallUUID": SAMPLE_CALL.uuid, "From": "14155550100", "To": "14155550101"}
DIAL_STATUSES = ("completed", "busy", "failed", "cancel", "timeout", "no-answer")


def samples(call: CallValues = SAMPLE_CALL) -> Iterator[CallEvent]:
    """The first look at a call, every way a Dial can end, and input with keys and with speech."""
    yield CallEvent(EventKind.DOCUMENT, call, raw=_RAW)
    for status in DIAL_STATUSES:
        yield CallEvent(EventKind.DIAL_RESULT, call, dial=DialValues(status=status), raw=_RAW)
    for entered in (
        InputValues(digits="1", type="dtmf"),
        InputValues(speech="yes", confidence="0.9", type="speech"),
        InputValues(type="dtmf"),
    ):
        yield CallEvent(EventKind.INPUT, call, input=entered, raw=_RAW)
