"""Conference: be in a room, with what is heard there, until one leaves it or is made to."""

from __future__ import annotations

from functools import partial

from ..callbacks import conference_ids, conference_sound
from ..calls import HangUp, Key, Speech
from ..document import Element
from ..engine import Pause, Process, Steps, Timer, sleep
from ..rooms import MOST_MEMBERS, Member, RoomNews, Terms
from .documents import SOUNDS, sound_document
from .turn import Turn, act, hearing, start_sound

BEEPS = {"beep:1": "one beep", "beep:2": "two beeps"}


def conference(turn: Turn) -> Steps[None]:
    platform, leg = turn.platform, turn.leg
    member = platform.rooms.enter(leg, _terms(turn))
    if member is None:
        platform.note(leg, "conference", f"cannot enter the conference {turn.element.text}: it is full")
        if platform.switches.conference_full == "hung-up":
            raise HangUp(4000, why="the conference is full")
        return
    stay = _Stay(turn, member)
    try:
        yield from stay.until_it_ends()
    finally:  # also when the leg was hung up or transferred away
        stay.over()
    if member.sent_off == "hung-up":
        # looks as if the person had hung up (Vobiz docs, Conference attributes: NORMAL_CLEARING, 4000, Callee)
        raise HangUp(4000, "Callee", member.why)
    if turn.element.get("action").strip() and platform.switches.conference_action == "sent":
        yield from act(turn, conference_ids(member))


def _terms(turn: Turn) -> Terms:
    element, manners = turn.element, turn.platform.dialect.conference
    return Terms(
        name=element.text,
        starts=element.flag("startConferenceOnEnter", True),
        ends=element.flag("endConferenceOnExit", False),
        stays_alone=element.flag("stayAlone", manners.stays_alone),
        muted=element.flag("muted", False),
        size=max(1, int(element.number(manners.size_attribute, MOST_MEMBERS))),
        relays_tones=element.flag("relayDTMF", manners.relays_tones),
        floor=element.flag("floorEvent", False),
        record=(element.get("recordFileFormat") or "mp3") if element.flag("record", False) else "",
        callback_url=element.get("callbackUrl").strip(),
        callback_method=element.get("callbackMethod") or "POST",
    )


class _Stay:
    """One member's time in a room."""

    def __init__(self, turn: Turn, member: Member) -> None:
        self.turn, self.member = turn, member
        self.platform, self.element = turn.platform, turn.element
        self.music: Process | None = None  # the waitSound, while it is heard
        self.sounds: list[Element] | None = None  # what it consists of, once fetched
        self.tones = ""
        self.limit: Timer | None = None

    def until_it_ends(self) -> Steps[None]:
        rooms = self.platform.rooms
        if not self.member.left:
            self._set_limit()
            self._heard_by_all("enterSound")
            self._tend(entering=True)
        while not self.member.left:
            message = yield Pause(None)
            if isinstance(message, Key):
                self._key(message.digit)
            elif isinstance(message, Speech):
                rooms.speech(self.member, message.words)
            elif isinstance(message, RoomNews):
                self._tend()

    def over(self) -> None:
        self.platform.engine.cancel(self.limit)
        if self.music is not None:
            self.music.stop()
        self.platform.rooms.leave(self.member)
        if self.member.room.members:
            self._heard_by_all("exitSound")

    def _set_limit(self) -> None:
        # a limit nobody asked for is hours away: time does not hurry there
        asked = self.element.number("timeLimit", 0)
        seconds = asked or self.platform.dialect.conference.time_limit
        time_is_up = partial(self.platform.rooms.time_is_up, self.member)
        self.limit = self.platform.engine.after(seconds, time_is_up, background=not asked)

    def _key(self, digit: str) -> None:
        rooms = self.platform.rooms
        rooms.tone(self.member, digit)
        if digit == "*" and self.element.flag("hangupOnStar", False):
            rooms.leave(self.member, "pressed *")
            return
        self.tones = (self.tones + digit)[-20:]
        for pattern in (text.strip() for text in self.element.get("digitsMatch").split(",")):
            if pattern and self.tones.endswith(pattern):
                self.tones = ""
                rooms.digits(self.member, pattern)

    def _tend(self, *, entering: bool = False) -> None:
        """Start or stop the waitSound."""
        waiting = self.member.waiting
        fetches = entering and self.platform.dialect.conference.fetches_wait_sound_anyway
        if self.music is None and self.element.get("waitSound").strip() and (waiting or fetches):
            self.music = Process(self.platform.engine, self._wait_sound())
        elif self.music is not None and not waiting:
            self.music.stop()
            self.music = None

    def _wait_sound(self) -> Steps[None]:
        """Over and over while the member waits. Time hurries through the first round only."""
        platform, leg = self.platform, self.turn.leg
        if self.sounds is None:
            takes = platform.dialect.conference.wait_sounds
            self.sounds = yield from self._fetch("waitSound", takes)
            if not self.sounds:
                platform.note(leg, "wait", "hears nothing: the waitSound is silent")
        if not self.member.waiting:  # Vobiz fetches it even so
            self.music = None
            return
        for sound in self.sounds:
            with hearing(platform, leg, sound) as seconds:
                yield from sleep(platform.engine, seconds)
        if not self.sounds:
            return
        platform.note(leg, "hear", "hears the waitSound again, over and over", element="Conference")
        try:
            yield from sleep(platform.engine, None)
        finally:
            platform.note(leg, "cut", "stops hearing the waitSound", element="Conference")

    def _heard_by_all(self, attribute: str) -> None:
        value = self.element.get(attribute).strip()
        if value in BEEPS:
            for member in self.member.room.members:
                self.platform.note(member.leg, "hear", f"hears {BEEPS[value]}", element="Conference", heard=value)
        elif value:
            Process(self.platform.engine, self._sound_for_all(attribute))

    def _sound_for_all(self, attribute: str) -> Steps[None]:
        for sound in (yield from self._fetch(attribute, SOUNDS)):
            lengths = [start_sound(self.platform, member.leg, sound) for member in self.member.room.members]
            if not lengths or lengths[0] is None:  # nobody is left to hear it, or it never ends
                return
            yield from sleep(self.platform.engine, lengths[0])

    def _fetch(self, attribute: str, takes: tuple[str, ...]) -> Steps[list[Element]]:
        platform, leg = self.platform, self.turn.leg
        params = conference_sound(platform.callbacks, platform.switches, leg, self.member.room.name, attribute)
        url = self.element.get(attribute).strip()
        return (yield from sound_document(platform, leg, attribute, url, params, takes))
