"""What is played or spoken to a leg by REST, beside its document, which goes on meanwhile (or, without `mix`, unheard).

A leg has one Play and one Speak at most: a new one takes the place of the old. Neither a transfer nor a bridge ends
them. Methods belong to the engine's thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .calls import Key, Leg
from .engine import Process, Steps, sleep
from .execution.keys import hear_tones

if TYPE_CHECKING:
    from .platform import Platform


@dataclass(frozen=True)
class Sound:
    kind: str  # Play or Speak
    heard: str  # the URL, or the words
    seconds: float

    def __str__(self) -> str:
        return f'"{self.heard}"' if self.kind == "Speak" else f"audio {self.heard}"


@dataclass(frozen=True)
class OverlayOrder:
    kind: str  # Play or Speak
    sounds: tuple[Sound, ...]
    loop: bool = False
    mix: bool = True
    length: float | None = None  # at most so many seconds


@dataclass(eq=False)
class _Overlay:
    process: Process
    hears: str = ""


class Overlays:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._running: dict[tuple[Leg, str], _Overlay] = {}

    def start(self, leg: Leg, order: OverlayOrder) -> None:
        if leg.ended_at is None:
            self.stop(leg, order.kind, "something else is started")
            process = Process(self.platform.engine, self._life(leg, order))
            self._running[leg, order.kind] = _Overlay(process)

    def stop(self, leg: Leg, kind: str, why: str = "stopped by REST") -> None:
        running = self._running.pop((leg, kind), None)
        if running is not None:
            running.process.stop()
            if running.hears:
                self._stops(leg, kind, running.hears, why)

    def hung_up(self, leg: Leg) -> None:
        for key in [key for key in self._running if key[0] is leg]:
            self._running.pop(key).process.stop()

    def send_digits(self, leg: Leg, digits: str, through: Leg | None) -> None:
        """The person of this leg hears them. Those for the other leg of a bridge go through this one, as if they had
        been pressed there (Plivo's open-source engine), so that a Dial's digitsMatch and hangupOnStar see them.
        """
        if leg.ended_at is None:
            hear_tones(self.platform, leg, digits)
        if through is not None and through.ended_at is None and through.process is not None:
            for digit in digits:
                if digit not in "wW":
                    through.process.send(Key(digit))

    def _life(self, leg: Leg, order: OverlayOrder) -> Steps[None]:
        engine, clock = self.platform.engine, self.platform.clock
        ends = math.inf if order.length is None else clock.now() + order.length
        why = "it is over"
        for sound in _in_turn(order):
            self._starts(leg, order, sound)
            over = math.inf if order.loop else clock.now() + sound.seconds
            until = min(ends, over)
            yield from sleep(engine, None if until == math.inf else until - clock.now())
            if ends < over:
                why = "its length is over"
            if ends <= over:
                break
        self._stops(leg, order.kind, self._running.pop((leg, order.kind)).hears, why)

    def _starts(self, leg: Leg, order: OverlayOrder, sound: Sound) -> None:
        how = "beside" if order.mix else "instead of"
        again = " over and over" if order.loop else ""
        self._running[leg, order.kind].hears = str(sound)
        text = f"hears {sound}{again}, {how} its document"
        self.platform.note(leg, "hear", text, element=order.kind, heard=sound.heard, by="rest", mix=order.mix)

    def _stops(self, leg: Leg, kind: str, hears: str, why: str) -> None:
        self.platform.note(leg, "cut", f"stops hearing {hears}: {why}", element=kind)


def _in_turn(order: OverlayOrder) -> Sequence[Sound]:
    """One that repeats is one entry in the transcript, whatever it is made of."""
    if not order.loop or len(order.sounds) == 1:
        return order.sounds
    both = " then ".join(sound.heard for sound in order.sounds)
    return (Sound(order.kind, both, sum(sound.seconds for sound in order.sounds)),)
