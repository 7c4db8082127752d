"""Conference rooms: who is in one, who waits for it to start, and everything that can happen to it.

A room belongs to the account and lives from its first member to its last. What happens here takes effect at once, on
the engine's thread, and is told afterwards: to the members' own processes by `RoomNews`, to the web application by
callbacks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .callbacks import conference_event, conference_recording
from .calls import Leg, pretty
from .recordings import recording_url

if TYPE_CHECKING:
    from .platform import Platform

MOST_MEMBERS = 20  # Plivo docs, Conference: 1 to 20; Vobiz docs, Conference attributes: the account's limit


@dataclass(frozen=True)
class Terms:
    """What a Conference element says about the member it brings in."""

    name: str
    starts: bool = True
    ends: bool = False
    stays_alone: bool = True
    muted: bool = False
    size: int = MOST_MEMBERS
    relays_tones: bool = True
    floor: bool = False
    record: str = ""  # the format of the file
    callback_url: str = ""
    callback_method: str = "POST"


@dataclass(frozen=True)
class RoomRecording:
    recording_id: str
    url: str
    since: float
    asked_by: Member


@dataclass(eq=False)
class Room:
    name: str
    conference_uuid: str
    members: list[Member] = field(default_factory=list)
    started: bool = False
    floor: Member | None = None
    recording: RoomRecording | None = None


@dataclass(eq=False)
class Member:
    leg: Leg
    room: Room
    member_id: str
    terms: Terms
    left: bool = False
    sent_off: str = ""  # `continues` or `hung-up`, when leaving was not this member's own doing
    why: str = ""

    @property
    def waiting(self) -> bool:
        """For somebody to start the conference, or for company."""
        return not self.left and (not self.room.started or len(self.room.members) == 1)


@dataclass(frozen=True)
class RoomNews:
    """To a member's process: something about the room, or about their being in it, has changed."""

    member: Member


class Rooms:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._rooms: dict[str, Room] = {}
        first = int(platform.new_uuid("conference")[:3], 16)  # seen as small numbers that count up
        self._member_ids = itertools.count(first)

    # -- the members' own doing

    def enter(self, leg: Leg, terms: Terms) -> Member | None:
        """None if the room is full."""
        room = self._rooms.get(terms.name)
        if room is not None and len(room.members) >= min(terms.size, MOST_MEMBERS):
            return None
        if room is None:
            room = self._rooms[terms.name] = Room(terms.name, self._platform.new_uuid("conference"))
        first = not room.members
        member = leg.member = Member(leg, room, str(next(self._member_ids)), terms)
        room.members.append(member)
        how = ", first member" if first else ""
        how += ", muted" if terms.muted else ""
        self._note(member, "conference", f"enters the conference {room.name}{how}")
        room.started |= terms.starts
        self._record(member)
        self._report(member, self._event(member, "enter", ConferenceFirstMember="true" if first else "false"))
        exits = self._turn_out_alone(room, entering=True)
        self._deliver(exits)
        if not exits:
            self._say_who_is_here(room, member)
            self._tell(each for each in room.members if each is not member)
        return member

    def leave(self, member: Member, why: str = "") -> None:
        if member.left:
            return
        room = member.room
        exits = [self._remove(member, why)]
        exits += self._clear(room, "the conference is over") if member.terms.ends else self._turn_out_alone(room)
        self._deliver(exits)
        if len(room.members) == 1:
            self._say_who_is_here(room, room.members[0])
        self._tell(room.members)

    def speech(self, member: Member, words: str) -> None:
        others = self._listeners(member)
        for other in others:
            text = f'hears "{words}" said by {pretty(member.leg.number)}'
            said_by = pretty(member.leg.number)
            self._note(other, "hear", text, element="Conference", heard=words, said_by=said_by)
        if others and member.terms.floor and member.room.floor is not member:
            member.room.floor = member
            self._note(member, "conference", f"has the floor in the conference {member.room.name}")
            if self._platform.dialect.conference.reports_floor:
                self._report(member, self._event(member, "floor"))

    def tone(self, member: Member, digit: str) -> None:
        for other in self._listeners(member) if member.terms.relays_tones else ():
            text = f"hears the tone {digit} of {pretty(member.leg.number)}"
            self._note(other, "hear", text, element="Conference", heard=digit, said_by=pretty(member.leg.number))

    def digits(self, member: Member, pattern: str) -> None:
        self._report(member, self._event(member, "digits", ConferenceDigitsMatch=pattern))

    # -- what is done to them

    def kick(self, leg: Leg) -> None:
        """Goes on with the element after the Conference (Vobiz warm-transfer example)."""
        if leg.member is not None:
            self._send_off(leg.member, "kicked")

    def time_is_up(self, member: Member) -> None:
        if member.left:
            return
        if self._platform.switches.conference_time_limit == "member-leaves":
            self._send_off(member, "time limit")
        else:
            self._deliver(self._clear(member.room, "time limit"))

    def _send_off(self, member: Member, why: str) -> None:
        member.sent_off = "continues"
        self.leave(member, why)
        self._tell([member])

    def _turn_out_alone(self, room: Room, *, entering: bool = False) -> list[tuple[Member, dict[str, str]]]:
        """stayAlone="false": its own exit, if the room holds just one such member."""
        if len(room.members) != 1 or room.members[0].terms.stays_alone:
            return []
        allowed = {"at-once": False, "unless-waiting": not room.started, "after-others": entering}
        return [] if allowed[self._platform.switches.lone_member] else self._clear(room, "may not stay alone")

    def _clear(self, room: Room, why: str) -> list[tuple[Member, dict[str, str]]]:
        """Everybody goes, whatever their stayAlone says (Vobiz docs, Conference attributes)."""
        everybody = list(room.members)
        exits = []
        for member in everybody:
            member.sent_off = self._platform.switches.conference_end
            exits.append(self._remove(member, why))
        self._tell(everybody)
        return exits

    def _remove(self, member: Member, why: str) -> tuple[Member, dict[str, str]]:
        room, leg = member.room, member.leg
        room.members.remove(member)
        member.left, member.why, leg.member = True, why, None
        self._note(member, "conference", f"leaves the conference {room.name}" + (f": {why}" if why else ""))
        last = "false"
        if not room.members:
            last = "true"
            del self._rooms[room.name]
            if room.recording is not None:
                self._report(room.recording.asked_by, self._recording_event(room.recording, over=True))
        return member, self._event(member, "exit", ConferenceLastMember=last)

    # -- telling

    def _deliver(self, exits: list[tuple[Member, dict[str, str]]]) -> None:
        """Those of one instant can arrive reversed (Vobiz docs, Conference callbacks)."""
        if len(exits) > 1 and self._platform.switches.conference_exit_order == "reversed":
            exits = exits[::-1]
        for member, params in exits:
            self._report(member, params)

    def _report(self, member: Member, params: dict[str, str]) -> None:
        self._platform.notify(member.leg, member.terms.callback_url, member.terms.callback_method, params)

    def _event(self, member: Member, action: str, **more: str) -> dict[str, str]:
        platform = self._platform
        return conference_event(platform.callbacks, platform.switches, member, action, **more)

    def _tell(self, members: Iterable[Member]) -> None:
        for member in members:
            if member.leg.process is not None:
                member.leg.process.send(RoomNews(member))

    def _say_who_is_here(self, room: Room, member: Member) -> None:
        """`member` has just come, or is the last one left."""
        if not room.started:
            self._note(member, "conference", f"waits for somebody to start the conference {room.name}")
        elif len(room.members) == 1:
            self._note(member, "conference", f"is alone in the conference {room.name}")
        else:
            for each in room.members:
                others = [pretty(other.leg.number) for other in room.members if other is not each]
                text = f"is in conference {room.name} with {', '.join(others)}"
                self._note(each, "connect", text, conference=room.name, connected_to=", ".join(others))

    def _listeners(self, member: Member) -> list[Member]:
        """Who hears what this member says."""
        if member.terms.muted:
            self._note(member, "note", "is muted: nobody hears it")
            return []
        room = member.room
        return [other for other in room.members if other is not member] if room.started else []

    def _record(self, member: Member) -> None:
        room = member.room
        if not member.terms.record or room.recording is not None:
            return
        if not self._platform.dialect.conference.records:
            self._note(member, "note", "record writes no file of a conference")
            return
        recording_id = self._platform.new_uuid("conference")
        url = recording_url(self._platform.auth_id, recording_id, member.terms.record)
        room.recording = RoomRecording(recording_id, url, self._platform.clock.now(), member)
        self._note(member, "conference", f"the conference {room.name} is recorded", recording_id=recording_id)
        self._report(member, self._recording_event(room.recording, over=False))

    def _recording_event(self, recording: RoomRecording, *, over: bool) -> dict[str, str]:
        platform = self._platform
        return conference_recording(platform.callbacks, platform.switches, recording, over=over)

    def _note(self, member: Member, kind: str, text: str, **details: object) -> None:
        self._platform.note(member.leg, kind, text, **details)
