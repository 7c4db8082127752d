"""The simulated platform: its calls, and everything that can be done to them. Speaks no HTTP to its users.

Methods under "asked for" may be called by any thread that holds `lock`; they only note what is to happen, and the
engine's thread does it, at this same virtual instant. Methods under "happening" belong to the engine's thread.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from . import execution
from .callbacks import Callbacks, dial_event
from .calls import Behaviour, Call, Dialled, HangUp, Key, Leg, LegNews, Speech, Target, plain, pretty
from .clock import Clock
from .dialects import Dialect, Nonces
from .engine import Engine, Process, Steps
from .fetching import App, Exchange, Fetcher
from .fetching.exchange import exchange
from .hangups import CODES, PLATFORM
from .overlays import Overlays
from .recordings import Recordings
from .rooms import Rooms
from .switches import Switches
from .transcript import Transcript
from .transfers import move_legs


class Platform:
    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        switches: Switches,
        *,
        auth_id: str,
        auth_token: str,
        seed: int,
        patience: float | None,
        apps: Mapping[str, App] | None = None,
    ) -> None:
        self.dialect, self.clock, self.switches = dialect, clock, switches
        self.auth_id, self.auth_token = auth_id, auth_token
        self.engine = Engine(clock)
        self.lock = self.engine.lock
        self.transcript = Transcript()
        self.callbacks = Callbacks(dialect, clock, auth_id)
        self.legs: dict[str, Leg] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.fetcher = Fetcher(patience, apps)
        # one stream of ids per purpose, so that a request more does not change the ids of the calls
        streams = ("api", "call", "dial", "recording", "stream", "conference")
        self._ids = {name: random.Random(f"{seed}/{name}") for name in streams}
        self.rooms = Rooms(self)
        self.nonces = Nonces(random.Random(f"{seed}/nonce"))
        self.recordings, self.overlays = Recordings(self), Overlays(self)

    def close(self) -> None:
        if self.engine.stop():
            with self.lock:
                for leg in self.legs.values():
                    if leg.process is not None and not leg.process.done:
                        leg.process.stop()
        self.fetcher.close()

    def new_uuid(self, stream: str) -> str:
        return str(uuid.UUID(int=self._ids[stream].getrandbits(128), version=4))

    def behaviour(self, number: str) -> Behaviour:
        return self.behaviours.get(plain(number)) or self.behaviours.get("*") or Behaviour()

    # -- asked for

    def place(self, call: Call, from_number: str, to_number: str) -> Leg:
        leg = self._new_leg(call, "A", "outbound", from_number, to_number)
        self.note(leg, "call", f"is called by {pretty(from_number)}")
        leg.process = Process(self.engine, execution.outbound_leg(self, leg))
        return leg

    def arrive(self, call: Call, from_number: str, to_number: str) -> Leg:
        leg = self._new_leg(call, "A", "inbound", from_number, to_number)
        leg.status = "ringing"
        self.note(leg, "call", f"calls {pretty(to_number)}")
        leg.process = Process(self.engine, execution.inbound_leg(self, leg))
        return leg

    def transfer(self, leg: Leg, targets: Mapping[str, Target]) -> None:
        """`targets`: `aleg` is `leg` itself, `bleg` whoever it is connected to."""
        leg.moving += "aleg" in targets
        self.engine.after(0, lambda: move_legs(self, leg, targets))

    def hang_up(self, leg: Leg, source: str = "") -> None:
        """Without `source`, the person of this leg hangs up: before the answer a caller cancels, and who is called
        declines."""
        leg.ending = True
        person = "Caller" if leg.direction == "inbound" else "Callee"
        early = 3020 if leg.direction == "outbound" and not source else 1000
        self.engine.after(0, lambda: self.drop(leg, HangUp(4000 if leg.answered else early, source or person)))

    def kick(self, leg: Leg) -> None:
        """Out of the conference it is in."""
        self.engine.after(0, lambda: self.rooms.kick(leg))

    def press(self, leg: Leg, digits: str) -> None:
        self.engine.after(0, lambda: self._press(leg, digits))

    def say(self, leg: Leg, words: str) -> None:
        self.engine.after(0, lambda: self._say(leg, words))

    # -- happening

    def dial(self, parent: Leg, number: str, caller_id: str, dialled: Dialled, timeout: float) -> Leg:
        leg = self._new_leg(parent.call, "B", "outbound", caller_id, number)
        leg.parent, leg.dialled = parent, dialled
        self.note(parent, "dial", f"dials {pretty(number)}", dialled=pretty(number), b_leg=leg.call_uuid)
        leg.process = Process(self.engine, execution.dialled_leg(self, leg, timeout))
        return leg

    def answer(self, leg: Leg) -> None:
        leg.answered_at = self.clock.now()
        leg.status = "in-progress"
        self.note(leg, "answer", "is answered" if leg.direction == "inbound" else "answers")
        plan = self.behaviour(leg.number)
        after = self.engine.after
        if plan.behaviour != "silent":
            leg.timers += [after(at, partial(self._press, leg, digits)) for at, digits in plan.keys]
            leg.timers += [after(at, partial(self._say, leg, words)) for at, words in plan.says]
        elif self.switches.media_timeout:
            leg.timers.append(after(self.switches.media_timeout, lambda: self.drop(leg, HangUp(6020))))
        if plan.hangs_up_after is not None:
            person = "Caller" if leg.direction == "inbound" else "Callee"
            leg.timers.append(after(plan.hangs_up_after, lambda: self.drop(leg, HangUp(4000, person))))
        limit = after(leg.call.time_limit, lambda: self.drop(leg, HangUp(6000)), background=True)
        leg.timers.append(limit)

    def bridge(self, a_leg: Leg, b_leg: Leg) -> None:
        a_leg.peer, b_leg.peer = b_leg, a_leg
        self.recordings.bridged(a_leg)
        for leg, other in ((a_leg, b_leg), (b_leg, a_leg)):
            self.note(leg, "connect", f"is connected to {pretty(other.number)}", connected_to=pretty(other.number))

    def drop(self, leg: Leg, end: HangUp) -> None:
        """End a leg from outside its own process."""
        if leg.ended_at is None:
            leg.ending_as = end
            if leg.process is not None:
                leg.process.stop()
            self.finish(leg, end)

    def finish(self, leg: Leg, end: HangUp) -> None:
        if leg.ended_at is not None:
            return
        code = CODES[end.code]
        leg.ended_at, leg.hangup = self.clock.now(), code
        leg.hangup_source = end.source or (self.dialect.title if code.source == PLATFORM else code.source)
        leg.status = "completed" if leg.answered else code.status
        for timer in leg.timers:
            self.engine.cancel(timer)
        why = f": {end.why}" if end.why else ""
        self.note(
            leg,
            "hangup",
            f"hung up: {code.name} ({code.code}, {leg.hangup_source}){why}",
            code=code.code,
            name=code.name,
            cause=code.cause,
            source=leg.hangup_source,
        )
        if leg.peer is not None:
            leg.peer.peer = None
            leg.peer = None
        if leg.parent is not None:
            self.dial_event(leg, "hangup")
            self.tell_parent(leg, "ended")
        else:
            self._report_hangup(leg)
        for action in leg.afterwards:
            action()
        self.overlays.hung_up(leg)
        self.recordings.hung_up(leg)  # a recording's callback comes last (Vobiz docs, transferred calls)

    def _report_hangup(self, leg: Leg) -> None:
        call = leg.call
        url, method = call.hangup_url, call.hangup_method
        if not url and self.dialect.hangup_goes_to_answer_url:
            url, method = call.answer_url, call.answer_method
        self.notify(leg, url, method, self.callbacks.hangup(leg, self.switches))

    def tell_parent(self, leg: Leg, news: str) -> None:
        parent = leg.parent
        if parent is not None and not leg.detached and parent.process is not None and parent.ended_at is None:
            parent.process.send(LegNews(leg, news))

    def dial_event(self, b_leg: Leg, action: str) -> None:
        if b_leg.dialled is not None and b_leg.dialled.callback_url:
            params = dial_event(self.callbacks, b_leg, action)
            self.notify(b_leg, b_leg.dialled.callback_url, b_leg.dialled.callback_method, params)

    def notify(self, leg: Leg, url: str, method: str, params: Mapping[str, str]) -> None:
        """A request whose answer does not matter, and which nobody waits for."""
        if url:
            Process(self.engine, self._notify(leg, url, method, params))

    def _notify(self, leg: Leg, url: str, method: str, params: Mapping[str, str]) -> Steps[None]:
        yield from self.fetch(leg, "callback", url, method, params)

    def fetch(self, leg: Leg, purpose: str, url: str, method: str, params: Mapping[str, str]) -> Steps[Exchange]:
        return exchange(self, leg, purpose, url, method, params)

    def note(self, leg: Leg, kind: str, text: str, **details: Any) -> None:
        self.transcript.add(
            self.clock.now(), kind, text, call_uuid=leg.call_uuid, leg=leg.name, number=pretty(leg.number), **details
        )

    def _new_leg(self, call: Call, name: str, direction: str, from_number: str, to_number: str) -> Leg:
        call_uuid = self.new_uuid("call" if name == "A" else "dial")
        leg = Leg(call, call_uuid, name, direction, from_number, to_number, self.clock.now())
        self.legs[call_uuid] = leg
        return leg

    def _press(self, leg: Leg, digits: str) -> None:
        if leg.ended_at is None and leg.process is not None:
            shown = "•" * len(digits) if leg.unwritten else digits
            self.note(leg, "press", f"presses {shown}", digits=shown)
            for digit in digits:
                leg.process.send(Key(digit))

    def _say(self, leg: Leg, words: str) -> None:
        if leg.ended_at is None and leg.process is not None:
            shown = "•••" if leg.unwritten else words
            self.note(leg, "say", f'says "{shown}"', speech=shown)
            self.recordings.hear(leg, words)
            leg.process.send(Speech(words))
