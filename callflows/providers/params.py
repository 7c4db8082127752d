"""A request's parameters, cleaned and normalised. Both platforms use one vocabulary; what differs comes as argument.

Everything here may have been chosen by a caller (caller name, SIP headers, digits, speech), so values are made safe
for XML, logs and storage before anybody sees them. Nothing raises: a strange request is still a live call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..models import EMPTY, CallEvent, CallValues, DialValues, EventKind, InputValues, RecordingValues
from ..scrub import scrub

MAX_VALUE = 2000
MAX_NAME = 128
MAX_PARAMS = 200
OUR_TOKEN = "t"  # noqa: S105 - the name of our own query parameter, see urls.with_token

_LINE_BREAK = re.compile(r"\r\n?|[\n\t]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"\+?([0-9]{7,15})")

_DIAL_ACTIONS = {
    "answer": EventKind.DIAL_ANSWER,
    "connected": EventKind.DIAL_CONNECTED,
    "digits": EventKind.DIAL_DIGITS,
    "hangup": EventKind.DIAL_HANGUP,
}
# `Event` is undocumented on Plivo and contradicted between Vobiz's own pages (Nov 2026). It is asked where the
# parameters themselves do not tell, and never alone makes a request wrong.
_BY_EVENT = {
    "": EventKind.DOCUMENT,
    "startapp": EventKind.DOCUMENT,
    "redirect": EventKind.DOCUMENT,
    "transfer": EventKind.DOCUMENT,
    "ring": EventKind.RING,
    "dialanswer": EventKind.DIAL_ANSWER,
    "dialconnected": EventKind.DIAL_CONNECTED,
    "dialdigitsmatch": EventKind.DIAL_DIGITS,
    "dialhangup": EventKind.DIAL_HANGUP,
    "dialaction": EventKind.DIAL_RESULT,
    "record": EventKind.RECORDING,
    "recordstop": EventKind.RECORDING,
    "clearedaudio": EventKind.STREAM,
}
_CONFERENCE = ("ConferenceAction", "ConferenceName", "ConferenceUUID", "MPCUUID", "MPCName")
_RECORDING_URL = ("RecordUrl", "RecordFile", "RecordingUrl", "record_url")
_RECORDING_ID = ("RecordingID", "recording_id")
_RECORDING = (*_RECORDING_URL, *_RECORDING_ID, "RecordingDuration", "transcription", "transcription_url")
_INPUT = ("InputType", "Digits", "Speech")
_INTERIM = ("StableSpeech", "UnstableSpeech")


def parse(params: Iterable[tuple[str, str]], sip_prefixes: Sequence[str]) -> CallEvent:
    raw = collect(params)

    def first(*names: str) -> str:
        return next((raw[name] for name in names if raw.get(name)), "")

    return CallEvent(
        kind=kind_of(raw),
        call=CallValues(
            uuid=first("CallUUID", "call_uuid", "ParticipantCallUUID"),
            from_number=number(first("From")),
            to_number=number(first("To")),
            direction=first("Direction"),
            status=first("CallStatus"),
            caller_name=first("CallerName"),
            forwarded_from=number(first("ForwardedFrom")),
            a_leg_uuid=first("ALegUUID"),
            request_uuid=first("RequestUUID"),
            sip_headers=_sip_headers(raw, sip_prefixes),
        ),
        input=InputValues(
            digits=first("Digits"),
            speech=first("Speech"),
            confidence=first("SpeechConfidenceScore"),
            # GetDigits names no type
            type=first("InputType").lower() or ("dtmf" if first("Digits") else "speech" if first("Speech") else ""),
        ),
        dial=DialValues(
            status=first("DialStatus", "DialBLegStatus"),
            hangup_cause=first("DialHangupCause", "DialBLegHangupCause"),
            hangup_code=first("DialHangupCauseCode", "DialBLegHangupCauseCode", "DialBLegHangupCode"),
            a_leg_uuid=first("DialALegUUID"),
            b_leg_uuid=first("DialBLegUUID"),
            b_leg_number=number(first("DialBLegTo")),
        ),
        recording=RecordingValues(
            url=first(*_RECORDING_URL),
            id=first(*_RECORDING_ID),
            duration=first("RecordingDuration", "recording_duration"),
        ),
        hangup_cause=first("HangupCause"),
        hangup_code=first("HangupCauseCode"),
        hangup_source=first("HangupSource"),
        raw=raw,
    )


def kind_of(raw: Mapping[str, str]) -> EventKind:
    """What the request tells. The order is the rule: a Record's action carries Digits, a Conference's a RecordUrl."""
    event = raw.get("Event", "").lower()
    if raw.get("HangupCause") or event == "hangup":  # a Dial's result says DialHangupCause, which is not this
        return EventKind.HANGUP
    if event == "ring":  # an inbound answer request is also `ringing`, and must get its document
        return EventKind.RING
    if raw.get("DialAction"):
        return _DIAL_ACTIONS.get(raw["DialAction"].lower(), EventKind.OTHER)
    if "DialStatus" in raw or "DialRingStatus" in raw:
        return EventKind.DIAL_RESULT
    if any(name in raw for name in _CONFERENCE):
        return EventKind.CONFERENCE
    if "StreamID" in raw or event.endswith("stream"):
        return EventKind.STREAM
    if any(name in raw for name in _RECORDING):
        return EventKind.RECORDING
    if any(name in raw for name in _INPUT):
        return EventKind.INPUT
    if any(name in raw for name in _INTERIM):  # words so far: notify-only, not the input's result
        return EventKind.OTHER
    if event.startswith("conference"):
        return EventKind.CONFERENCE
    return _BY_EVENT.get(event, EventKind.OTHER)


def collect(params: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Clean values under their wire names: the first of a repeated name, at most `MAX_PARAMS`, our token left out."""
    raw: dict[str, str] = {}
    for wire_name, value in params:
        name = clean(wire_name, MAX_NAME)
        if not name or name == OUR_TOKEN or name in raw:
            continue
        if len(raw) == MAX_PARAMS:
            break
        raw[name] = clean(value)
    return raw


def clean(text: str, limit: int = MAX_VALUE) -> str:
    """Text any XML document, log line or database takes: line breaks and tabs are spaces, undecodable is U+FFFD."""
    if not (text.isascii() and text.isprintable()):
        text = scrub(_SURROGATE.sub("\ufffd", _LINE_BREAK.sub(" ", text)))
    return text[:limit]


def number(value: str) -> str:
    """Both platforms write the `+` on some requests and not on others (captures, Oct 2024 to Sep 2026); we always do.

    Short codes, `anonymous`, `sip:` addresses and whatever else is not 7 to 15 ASCII digits stay as they came.
    """
    found = _NUMBER.fullmatch(value)
    return f"+{found[1]}" if found else value


def _sip_headers(raw: Mapping[str, str], prefixes: Sequence[str]) -> Mapping[str, str]:
    """Names without their prefix; an earlier prefix wins where two say the same name."""
    found: dict[str, str] = {}
    for prefix in prefixes:
        for name, value in raw.items():
            if name[: len(prefix)].upper() == prefix and len(name) > len(prefix):
                found.setdefault(name[len(prefix) :], value)
    return found or EMPTY
