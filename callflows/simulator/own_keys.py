"""Which parameters this simulator itself sends with a request like a given one: made by the very code that sends them,
for a call that never was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .callbacks import (
    DialOutcome,
    conference_event,
    conference_ids,
    conference_recording,
    conference_sound,
    dial_digits,
    dial_event,
    stream_event,
)
from .callbacks.conference import EVENTS as CONFERENCE
from .callbacks.recording import record_stop, recorded
from .calls import Call, Dialled, Leg
from .hangups import CODES
from .recordings import Recording, RecordOrder
from .rooms import Member, Room, RoomRecording, Terms
from .streams import Stream

if TYPE_CHECKING:
    from .platform import Platform

_INPUT = frozenset(("InputType", "Digits", "Speech", "SpeechConfidenceScore", "BilledAmount"))
_INTERIM = frozenset(("StableSpeech", "UnstableSpeech", "Stability", "SequenceNumber"))
# what rooms.py adds to an event
_OF_CONFERENCE = {"enter": "ConferenceFirstMember", "exit": "ConferenceLastMember", "digits": "ConferenceDigitsMatch"}


def own_keys(platform: Platform, given: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    """What kind of request `given` is, in words, and the names this simulator sends with one."""
    leg, callbacks, switches = _leg(platform, given), platform.callbacks, platform.switches
    event = given.get("Event", "")
    if event == "Ring":
        return "ring", frozenset(callbacks.ring(leg, switches))
    if event == "Hangup":
        leg.ended_at, leg.hangup = 0.0, CODES[4000]
        return "hangup", frozenset(callbacks.hangup(leg, switches))
    if "DialAction" in given:
        return "dial event", _dial(platform, leg, given["DialAction"].lower())
    if "ConferenceName" in given:
        return "conference", _conference(platform, leg, given)
    if "StreamID" in given:
        return "stream event", frozenset(stream_event(callbacks, Stream("", leg, ""), event))
    standard = frozenset(callbacks.standard(leg, event, switches))
    if "DialStatus" in given:
        return "dial action", standard | frozenset(DialOutcome("", True, "", "").params())
    if "RecordingID" in given:
        recording = Recording("", leg, RecordOrder("element", None), "", 0.0, 0.0)
        if "Digits" not in given and event == platform.dialect.record.stop_event:
            return "recording", frozenset(record_stop(callbacks, recording, switches))
        return "record action", standard | {"Digits"} | frozenset(recorded(callbacks, recording))
    for kind, mark, names in (("input", "InputType", _INPUT), ("interim speech", "StableSpeech", _INTERIM)):
        if mark in given:
            return kind, standard | names
    return ("digits", standard | {"Digits"}) if "Digits" in given else ("document", standard)


def _dial(platform: Platform, leg: Leg, action: str) -> frozenset[str]:
    b_leg = _b_leg(leg)
    b_leg.ended_at, b_leg.hangup = 0.0, CODES[4000]
    if action == "digits":
        return frozenset(dial_digits(platform.callbacks, b_leg, "1", "A"))
    known = action if action in ("answer", "connected", "hangup") else "answer"
    return frozenset(dial_event(platform.callbacks, b_leg, known))


def _conference(platform: Platform, leg: Leg, given: Mapping[str, str]) -> frozenset[str]:
    callbacks, switches, action = platform.callbacks, platform.switches, given.get("ConferenceAction", "")
    room = Room("", "")
    member = Member(leg, room, "", Terms(""))
    recording = RoomRecording("", "", 0.0, member)
    if "RecordingID" in given:
        room.recording = recording
    if not action:
        standard = callbacks.standard(leg, given.get("Event", ""), switches)
        return frozenset(standard) | frozenset(conference_ids(member))
    if action == "record":
        return frozenset(conference_recording(callbacks, switches, recording, over=True))
    if action in CONFERENCE:
        more = {_OF_CONFERENCE[action]: ""} if action in _OF_CONFERENCE else {}
        return frozenset(conference_event(callbacks, switches, member, action, **more))
    return frozenset(conference_sound(callbacks, switches, leg, "", action))


def _leg(platform: Platform, given: Mapping[str, str]) -> Leg:
    """One that sends what some calls have and others have not, if the given one did."""
    prefix = platform.dialect.sip_prefix
    call = Call(
        "",
        caller_name=given.get("CallerName", ""),
        forwarded_from=given.get("ForwardedFrom", ""),
        sip_headers=tuple((name.removeprefix(prefix), "") for name in given if name.startswith(prefix)),
    )
    uuid, direction = given.get("CallUUID", ""), given.get("Direction", "inbound")
    leg = Leg(call, uuid, "A", direction, "", "", 0.0, answered_at=0.0)
    return _b_leg(leg) if given.get("ALegUUID", uuid) != uuid else leg


def _b_leg(a_leg: Leg) -> Leg:
    leg = Leg(a_leg.call, a_leg.call_uuid, "B", "outbound", "", "", 0.0, answered_at=0.0)
    leg.parent, leg.dialled = a_leg, Dialled(1)
    return leg
