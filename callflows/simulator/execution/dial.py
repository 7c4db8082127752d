"""Dial: ring one or several people, connect the first who answers, report how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from ..callbacks import DialOutcome, dial_digits
from ..calls import GoTo, HangUp, Key, Leg, LegNews
from ..engine import Pause, Steps, Timer
from .music import DialMusic
from .noted import NOTED_WITHIN
from .targets import targets
from .turn import Turn, act

RING_SECONDS = 120.0  # Vobiz docs, Dial. Plivo's say none, 30 and 120 on different pages
TALK_SECONDS = 14400.0  # both platforms' docs, Dial timeLimit
MOST_TALK_SECONDS = 86400.0  # the same: more is cut at 24 hours


def dial(turn: Turn) -> Steps[None]:
    platform, leg, element = turn.platform, turn.leg, turn.element
    switches = platform.switches
    if leg.direction == "inbound" and not leg.answered and switches.dial_before_answer == "fails":
        platform.note(leg, "note", "cannot dial: nothing has answered this call yet")
        failed = DialOutcome("failed", False, "ORIGINATOR_CANCEL", leg.call_uuid)
        yield from act(turn, failed.params(), switches.dial_action_event)
        return
    caller_id = element.get("callerId").strip()
    if leg.direction == "inbound" and not caller_id and switches.missing_caller_id == "fails-silently":
        platform.note(leg, "note", "cannot dial: an inbound call's Dial needs a callerId; no callback will say so")
        return
    for child in element.children:
        if (element.name, child.name) in NOTED_WITHIN:
            why = NOTED_WITHIN[element.name, child.name]
            platform.note(leg, "pass", f"{child.name} is passed over: {why}", element=child.name)
    attempt = _Attempt(turn, DialMusic(platform, leg, element.get("dialMusic").strip()))
    try:
        outcome = yield from attempt.run(caller_id or leg.from_number)
    except GoTo:
        attempt.give_up()
        if platform.switches.dial_action_on_transfer == "sent":
            attempt.report_only()
        raise
    except GeneratorExit:  # this leg was hung up; its Dial's action is still due, after the hang-up was reported
        attempt.give_up()
        if platform.switches.dial_action_after_hangup == "sent":
            leg.afterwards.append(attempt.report_only)
        raise
    yield from act(turn, outcome.params(), platform.switches.dial_action_event)
    if attempt.bridged and platform.switches.after_bridged_dial == "ends":
        raise HangUp(4010)


@dataclass
class _Attempt:
    """One Dial at work."""

    turn: Turn
    music: DialMusic
    ringing: list[Leg] = field(default_factory=list)
    connected: Leg | None = None  # now
    bridged: Leg | None = None  # whoever was connected, also afterwards
    last: Leg | None = None  # the leg whose end decides
    rang: bool = False
    cancelled: bool = False
    limit: Timer | None = None
    tones: dict[str, str] = field(default_factory=lambda: {"A": "", "B": ""})

    def run(self, caller_id: str) -> Steps[DialOutcome]:
        element, platform, leg = self.turn.element, self.turn.platform, self.turn.leg
        timeout = element.number("timeout", RING_SECONDS)
        for number, dialled in targets(self.turn):
            self.ringing.append(platform.dial(leg, number, caller_id, dialled, timeout))
        while self.ringing or self.connected:
            message = yield Pause(None)
            if isinstance(message, Key):
                self._key(message)
            elif isinstance(message, LegNews):
                self._news(message)
        self.music.stop()
        return self.outcome()

    def _news(self, message: LegNews) -> None:
        b_leg = message.leg
        if message.news == "rings":
            self.music.rings()
            return
        if message.news == "confirmed":
            if b_leg in self.ringing and b_leg.ended_at is None and self.connected is None:
                self._connect(b_leg)
            return
        self.rang |= b_leg.rang
        if b_leg in self.ringing:
            self.ringing.remove(b_leg)
            self.last = b_leg
        elif b_leg is self.connected:
            self.last = b_leg
            self._over()

    def _connect(self, b_leg: Leg) -> None:
        platform, leg, element = self.turn.platform, self.turn.leg, self.turn.element
        self.ringing.remove(b_leg)
        self.connected = self.bridged = b_leg
        self.rang = True
        for loser in self.ringing:
            platform.drop(loser, HangUp(9000))
        self.ringing = []
        self.music.stop()
        if not leg.answered:
            platform.answer(leg)
        platform.bridge(leg, b_leg)
        platform.dial_event(b_leg, "connected")
        # a limit nobody asked for is hours away: time does not hurry there
        asked = bool(element.get("timeLimit"))
        seconds = min(MOST_TALK_SECONDS, element.number("timeLimit", TALK_SECONDS))
        self.limit = platform.engine.after(seconds, partial(platform.drop, b_leg, HangUp(6000)), background=not asked)

    def _over(self) -> None:
        self.turn.platform.engine.cancel(self.limit)
        self.connected = None

    def _key(self, key: Key) -> None:
        platform, element = self.turn.platform, self.turn.element
        if key.by == "A" and key.digit == "*" and element.flag("hangupOnStar", False):
            self.cancelled = self.connected is None
            for b_leg in [*self.ringing, *([self.connected] if self.connected else [])]:
                platform.drop(b_leg, HangUp(4000 if b_leg.answered else 1000, "Caller"))
            return
        if self.connected is None or self.connected.dialled is None:
            return
        self.tones[key.by] = (self.tones[key.by] + key.digit)[-20:]
        patterns = element.get("digitsMatch" if key.by == "A" else "digitsMatchBLeg").split(",")
        for pattern in (text.strip() for text in patterns):
            if pattern and self.tones[key.by].endswith(pattern):
                self.tones[key.by] = ""
                params = dial_digits(platform.callbacks, self.connected, pattern, key.by)
                dialled = self.connected.dialled
                platform.notify(self.connected, dialled.callback_url, dialled.callback_method, params)

    def give_up(self) -> None:
        """The dialling leg is going elsewhere: nobody it still rings or talks to stays on the line."""
        platform, leg = self.turn.platform, self.turn.leg
        self.music.stop()
        platform.engine.cancel(self.limit)
        source = (leg.ending_as.source if leg.ending_as else "") or platform.dialect.title
        self.cancelled = bool(self.ringing)  # whoever was busy before does not decide any more
        for b_leg in [*self.ringing, *([self.connected] if self.connected else [])]:
            self.rang |= b_leg.rang
            if not b_leg.detached:
                platform.drop(b_leg, HangUp(4000 if b_leg.answered else 1000, source))

    def outcome(self) -> DialOutcome:
        leg = self.turn.leg
        if self.bridged is not None:
            cause = self.bridged.hangup.cause if self.bridged.hangup else "NORMAL_CLEARING"
            return DialOutcome("completed", True, cause, leg.call_uuid, self.bridged.call_uuid)
        code = self.last.hangup if self.last and not self.cancelled else None
        status = "cancel" if code is None else code.status
        if code is not None and code.code == 6010:
            status = self.turn.platform.switches.ring_timeout_status
        if status == "completed":  # answered, and gone before anybody could be connected
            status = "no-answer"
        return DialOutcome(status, self.rang, code.cause if code else "ORIGINATOR_CANCEL", leg.call_uuid)

    def report_only(self) -> None:
        """The action of a Dial whose leg has already gone: its answer changes nothing."""
        platform, leg, element = self.turn.platform, self.turn.leg, self.turn.element
        standard = platform.callbacks.standard(leg, platform.switches.dial_action_event, platform.switches)
        method = element.get("method") or "POST"
        platform.notify(leg, element.get("action").strip(), method, standard | self.outcome().params())
