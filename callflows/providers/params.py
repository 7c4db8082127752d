"""A request's parameters, cleaned and normalised. Both platforms use one vocabulary; what differs comes as argument.

Everything here may have been chosen by a caller (caller name, SIP headers, digits, speech), so values are made safe
for XML, logs and storage before anybody sees them. Nothing raises: a strange request is still a live call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..models import (
    EMPTY,
    CallEvent,
    CallValues,
    ConferenceValues,
    DialValues,
    EventKind,
    InputValues,
    RecordingValues,
)
from ..scrub import scrub

MAX_VALUE = 2000
MAX_NAME = 128
MAX_PARAMS = 200
OUR_TOKEN = "t"  # noqa: S105 - the name of our own query parameter, see urls.with_token

_LINE_BREAK = re.compile(r"\r\n?|[\n\t]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN_VALUE = re.compile(r"""([?&]t=)[^&#\s"'<>]+""")
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
# Names by what they tell, and all that are read here: these are kept whatever else a request is stuffed with.
_CALL = frozenset(
    "CallUUID call_uuid ParticipantCallUUID From To Direction CallStatus CallerName ForwardedFrom ALegUUID "
    "ParentCallUUID RequestUUID Event".split()
)
_HANGUP = frozenset("HangupCause HangupCauseCode HangupSource".split())
_DIAL = frozenset(
    "DialAction DialStatus DialRingStatus DialHangupCause DialHangupCauseCode DialALegUUID DialBLegUUID DialBLegTo "
    "DialBLegStatus DialBLegHangupCause DialBLegHangupCauseCode DialBLegHangupCode".split()
)
_CONFERENCE = frozenset("ConferenceAction ConferenceName ConferenceUUID ConferenceMemberID MPCUUID MPCName".split())
_RECORDING = frozenset(
    "RecordUrl RecordFile RecordingUrl record_url RecordingID recording_id RecordingDuration recording_duration "
    "transcription transcription_url".split()
)
_INPUT = frozenset("InputType Digits Speech SpeechConfidenceScore".split())
_INTERIM = frozenset("StableSpeech UnstableSpeech".split())
# a duration or a score alone says nothing of the kind
_TELLS_RECORDING, _TELLS_INPUT = _RECORDING - {"recording_duration"}, _INPUT - {"SpeechConfidenceScore"}
KNOWN = frozenset(("StreamID",)).union(_CALL, _HANGUP, _DIAL, _CONFERENCE, _RECORDING, _INPUT, _INTERIM)

# Most requests bring none of these; a value object takes longer to make than to look up.
_NO_INPUT, _NO_DIAL, _NO_RECORDING = InputValues(), DialValues(), RecordingValues()
_NO_CONFERENCE = ConferenceValues()


def parse(params: Iterable[tuple[str, str]], sip_prefixes: Sequence[str]) -> CallEvent:
    raw = collect(params)
    get = raw.get
    return CallEvent(
        kind=kind_of(raw),
        call=CallValues(
            uuid=get("CallUUID") or get("call_uuid") or get("ParticipantCallUUID", ""),
            from_number=number(get("From", "")),
            to_number=number(get("To", "")),
            direction=get("Direction", ""),
            status=get("CallStatus", ""),
            caller_name=get("CallerName", ""),
            forwarded_from=number(get("ForwardedFrom", "")),
            a_leg_uuid=get("ALegUUID", ""),
            request_uuid=get("RequestUUID", ""),
            sip_headers=_sip_headers(raw, sip_prefixes),
        ),
        input=_NO_INPUT if _INPUT.isdisjoint(raw) else _input(raw),
        dial=_NO_DIAL if _DIAL.isdisjoint(raw) else _dial(raw),
        recording=_NO_RECORDING if _RECORDING.isdisjoint(raw) else _recording(raw),
        conference=_NO_CONFERENCE if _CONFERENCE.isdisjoint(raw) else _conference(raw),
        hangup_cause=get("HangupCause", ""),
        hangup_code=get("HangupCauseCode", ""),
        hangup_source=get("HangupSource", ""),
        raw=raw,
    )


def _input(raw: Mapping[str, str]) -> InputValues:
    digits, speech = raw.get("Digits", ""), raw.get("Speech", "")
    return InputValues(
        digits=digits,
        speech=speech,
        confidence=raw.get("SpeechConfidenceScore", ""),
        # GetDigits names no type
        type=raw.get("InputType", "").lower() or ("dtmf" if digits else "speech" if speech else ""),
    )


def _dial(raw: Mapping[str, str]) -> DialValues:
    get = raw.get
    code = get("DialHangupCauseCode") or get("DialBLegHangupCauseCode") or get("DialBLegHangupCode", "")
    return DialValues(
        status=get("DialStatus") or get("DialBLegStatus", ""),
        hangup_cause=get("DialHangupCause") or get("DialBLegHangupCause", ""),
        hangup_code=code,
        a_leg_uuid=get("DialALegUUID", ""),
        b_leg_uuid=get("DialBLegUUID", ""),
        b_leg_number=number(get("DialBLegTo", "")),
    )


def _recording(raw: Mapping[str, str]) -> RecordingValues:
    get = raw.get
    return RecordingValues(
        url=get("RecordUrl") or get("RecordFile") or get("RecordingUrl") or get("record_url", ""),
        id=get("RecordingID") or get("recording_id", ""),
        duration=get("RecordingDuration") or get("recording_duration", ""),
    )


def _conference(raw: Mapping[str, str]) -> ConferenceValues:
    get = raw.get
    return ConferenceValues(
        room=get("ConferenceName", ""),
        action=get("ConferenceAction", "").lower(),
        member_id=get("ConferenceMemberID", ""),
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
    if not _CONFERENCE.isdisjoint(raw):
        return EventKind.CONFERENCE
    if "StreamID" in raw or event.endswith("stream"):
        return EventKind.STREAM
    if not _TELLS_RECORDING.isdisjoint(raw):
        return EventKind.RECORDING
    if not _TELLS_INPUT.isdisjoint(raw):
        return EventKind.INPUT
    if not _INTERIM.isdisjoint(raw):  # words so far: notify-only, not the input's result
        return EventKind.OTHER
    if event.startswith("conference"):
        return EventKind.CONFERENCE
    return _BY_EVENT.get(event, EventKind.OTHER)


def collect(params: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Clean values under their wire names: the first of a repeated name, our token left out.

    `KNOWN` names always, and the first `MAX_PARAMS` of the others: SIP headers are the caller's to choose, and
    must not push the call's own values out.
    """
    raw: dict[str, str] = {}
    room = MAX_PARAMS
    for wire_name, value in params:
        name = wire_name if wire_name in KNOWN else clean(wire_name, MAX_NAME)
        if not name or name == OUR_TOKEN or name in raw:
            continue
        if name not in KNOWN:
            if not room:
                continue
            room -= 1
        raw[name] = clean(value)
    return raw


def clean(text: str, limit: int = MAX_VALUE) -> str:
    """Text any XML document, log line or database takes: line breaks and tabs are spaces, undecodable is U+FFFD.

    Platforms echo URLs of ours; the token in one is a key, and no value.
    """
    if not (text.isascii() and text.isprintable()):
        text = scrub(_SURROGATE.sub("\ufffd", _LINE_BREAK.sub(" ", text)))
    if "t=" in text and ("/flows/" in text or "/events/" in text):
        text = _TOKEN_VALUE.sub(r"\1…", text)
    return text[:limit]


def number(value: str) -> str:
    """Both platforms write the `+` on some requests and not on others (captures, Oct 2024 to Sep 2026); we always do.

    Short codes, `anonymous`, `sip:` addresses and whatever else is not 7 to 15 ASCII digits stay as they came.
    """
    found = _NUMBER.fullmatch(value)
    return f"+{found[1]}" if found else value


def _sip_headers(raw: Mapping[str, str], prefixes: Sequence[str]) -> Mapping[str, str]:
    """Names without their prefix; an earlier prefix wins where two say the same name."""
    dashed = [name for name in raw if "-" in name]  # as every prefix does, and no name of the platforms' own
    found: dict[str, str] = {}
    for prefix in prefixes if dashed else ():
        for name in dashed:
            if name[: len(prefix)].upper() == prefix and len(name) > len(prefix):
                found.setdefault(name[len(prefix) :], raw[name])
    return found or EMPTY
