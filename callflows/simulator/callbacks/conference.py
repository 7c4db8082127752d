"""What a conference reports: its members' events to `callbackUrl`, a stay that is over to `action`, and what the
platform says when it fetches the sounds of a room.

Keys and values as in Vobiz docs, Conference callbacks, and Vobiz warm-transfer example; captured Plivo requests have
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import Leg
from .standard import Callbacks

if TYPE_CHECKING:
    from ..rooms import Member, RoomRecording
    from ..switches import Switches

# Floor is a guess after its neighbours
EVENTS = {
    "enter": "ConferenceEnter",
    "exit": "ConferenceExit",
    "digits": "ConferenceDigitsMatch",
    "floor": "ConferenceFloor",
}


def conference_event(
    callbacks: Callbacks, switches: Switches, member: Member, action: str, **more: str
) -> dict[str, str]:
    """`action`: enter, exit, digits or floor."""
    event = {"Event": EVENTS[action], "ConferenceAction": action, **conference_ids(member), **more}
    if action == "exit" and callbacks.dialect.conference.short_exit:
        return {**event, "CallUUID": member.leg.call_uuid}
    return callbacks.standard(member.leg, EVENTS[action], switches) | event


def conference_recording(
    callbacks: Callbacks, switches: Switches, recording: RoomRecording, *, over: bool
) -> dict[str, str]:
    """The durations of a recording that has just begun are -1, as in those of Record."""
    member, event = recording.asked_by, "ConferenceRecordStop" if over else "ConferenceRecordStart"
    ended = callbacks.clock.now()
    seconds = ended - recording.since
    times = dict.fromkeys(("Duration", "DurationMs", "StartMs", "EndMs"), "-1")
    if over:
        times = {
            "Duration": str(round(seconds)),
            "DurationMs": str(round(seconds * 1000)),
            "StartMs": _milliseconds(callbacks, recording.since),
            "EndMs": _milliseconds(callbacks, ended),
        }
    return {
        **callbacks.standard(member.leg, event, switches),
        "ConferenceAction": "record",
        **conference_ids(member),
        **{f"Recording{name}": value for name, value in times.items()},
    }


def conference_ids(member: Member) -> dict[str, str]:
    """All that `action` is told, too."""
    room = member.room
    params = {
        "ConferenceUUID": room.conference_uuid,
        "ConferenceName": room.name,
        "ConferenceMemberID": member.member_id,
    }
    if room.recording is not None:
        params |= {"RecordUrl": room.recording.url, "RecordingID": room.recording.recording_id}
    return params


def conference_sound(callbacks: Callbacks, switches: Switches, leg: Leg, name: str, attribute: str) -> dict[str, str]:
    """`attribute`: waitSound; enterSound and exitSound are not documented, and taken to be alike."""
    return {
        **callbacks.standard(leg, "ConferenceRemoteSounds", switches),
        "ConferenceAction": attribute,
        "ConferenceUUID": "",  # seen on both platforms: present and empty
        "ConferenceName": name,
        "ConferenceMemberID": "",
    }


def _milliseconds(callbacks: Callbacks, instant: float) -> str:
    return str(round(callbacks.clock.as_datetime(instant).timestamp() * 1000))
