"""The nouns: a call, its legs, and how the person behind a number behaves. Only data; no behaviour of the platform."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .hangups import HangupCode

if TYPE_CHECKING:
    from .engine import Process, Timer
    from .fetching import Exchange
    from .rooms import Member
    from .streams import Stream

LIVE = ("ringing", "in-progress")


def plain(number: str) -> str:
    """A phone number as digits; anything else (a sip: URI) as it is."""
    text = number.strip()
    digits = text.lstrip("+").translate(str.maketrans("", "", " -()."))
    return digits if digits.isdigit() else text


def pretty(number: str) -> str:
    """For people: with its plus."""
    digits = plain(number)
    return f"+{digits}" if digits.isdigit() and 7 <= len(digits) <= 15 else digits


def is_party(text: str) -> bool:
    """Who can be dialled: a number of up to 15 digits, or a sip: URI."""
    return re.fullmatch(r"[0-9]{1,15}|(?i:sips?):[^\s@]+@\S+", plain(text)) is not None


@dataclass(frozen=True)
class Behaviour:
    """What happens when a number is called, and what the person there does. Times in seconds.

    `answers` after `after`; `busy`, `reject` and `unreachable` say so after `after`; `no-answer` rings until whoever
    calls gives up, or, with `gives_up_after`, until the carrier does. `silent` answers, and no audio ever comes.
    """

    behaviour: str = "answers"
    after: float = 3.0
    gives_up_after: float | None = None
    hangs_up_after: float | None = None  # counted from the answer
    keys: tuple[tuple[float, str], ...] = ()  # (seconds after the answer, digits)
    says: tuple[tuple[float, str], ...] = ()  # (seconds after the answer, words)
    queued: float = 0.0  # how long a call placed to it by REST stays queued

    KINDS = ("answers", "busy", "no-answer", "reject", "silent", "unreachable")


@dataclass(frozen=True)
class Target:
    """A document to fetch next, and what for: `answer`, `action`, `redirect` or `transfer`."""

    purpose: str
    url: str
    method: str = "POST"
    params: dict[str, str] = field(default_factory=dict)
    event: str = "Redirect"
    answered: Exchange | None = None  # if it was fetched already


class GoTo(Exception):
    """The leg drops what it is doing and follows another document."""

    def __init__(self, target: Target) -> None:
        self.target = target


class HangUp(Exception):
    """The leg ends. `source` overrides who ended it, `why` is for the transcript."""

    def __init__(self, code: int, source: str = "", why: str = "") -> None:
        self.code, self.source, self.why = code, source, why


@dataclass(frozen=True)
class Utterance:
    """What a person says in one go: it takes the time it takes."""

    begins: float
    until: float
    words: tuple[str, ...]

    def between(self, start: float, end: float) -> tuple[str, ...]:
        """The words begun in that time."""
        each = (self.until - self.begins) / max(1, len(self.words))
        times = (self.begins + number * each for number in range(len(self.words)))
        return tuple(word for word, at in zip(self.words, times, strict=True) if start - 1e-9 <= at < end - 1e-9)


# -- what a leg's process may be sent


@dataclass(frozen=True)
class Key:
    digit: str
    by: str = "A"  # seen from a Dial: its own leg, or the one it dialled


@dataclass(frozen=True)
class Speech:
    words: str


@dataclass(frozen=True)
class LegNews:
    """To whoever dialled: `rings`, `confirmed`, `ended`, or `left` (moved away by a transfer)."""

    leg: Leg
    news: str


@dataclass(frozen=True)
class Call:
    """What was asked for when a call was placed, or came in."""

    answer_url: str
    answer_method: str = "POST"
    hangup_url: str = ""
    hangup_method: str = "POST"
    ring_url: str = ""
    ring_method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    caller_name: str = ""
    forwarded_from: str = ""
    sip_headers: tuple[tuple[str, str], ...] = ()
    time_limit: float = 14400.0
    ring_timeout: float = 120.0
    hangup_on_ring: float | None = None  # seconds after the ringing began, answered or not
    send_digits: str = ""
    parent_call_uuid: str = ""


@dataclass(frozen=True)
class Dialled:
    """What a B leg's Dial said about it."""

    position: int
    callback_url: str = ""
    callback_method: str = "POST"
    confirm_sound: str = ""
    confirm_key: str = ""
    confirm_timeout: float = 120.0
    caller_name: str = ""
    sip_headers: tuple[tuple[str, str], ...] = ()  # as they arrive
    send_digits: str = ""
    send_on_preanswer: bool = False


@dataclass(eq=False)
class Leg:
    call: Call
    call_uuid: str
    name: str  # "A" or "B"
    direction: str
    from_number: str
    to_number: str
    started_at: float
    status: str = "queued"
    parent: Leg | None = None
    dialled: Dialled | None = None
    peer: Leg | None = None
    member: Member | None = None  # of a conference
    detached: bool = False  # moved out of its Dial, or left behind by the one who dialled
    answered_at: float | None = None
    ended_at: float | None = None
    ending: bool = False  # a hang-up was accepted and is about to happen
    ending_as: HangUp | None = None
    hangup: HangupCode | None = None
    hangup_source: str = ""
    transfers: int = 0  # of the whole call, counted at its first leg
    moving: int = 0  # transfers that were accepted and are about to take effect
    waiting: Target | None = None  # a transfer that takes effect once the leg can move
    streams: list[Stream] = field(default_factory=list)
    held_by: Stream | None = None  # the stream that must end before the document goes on
    element: str = ""  # being carried out
    listening: frozenset[str] = frozenset()  # to dtmf, to speech, while an element collects input
    unwritten: bool = False  # what is pressed and said is sensitive: log="false"
    said: list[Utterance] = field(default_factory=list)  # the last of them perhaps still under way
    rang: bool = False
    instants: tuple[float, int] = (-1.0, 0)  # (virtual time, steps taken at it): see flow.count_step
    process: Process | None = None
    timers: list[Timer] = field(default_factory=list)  # what the person of this leg will do; ends with the leg
    afterwards: list[Callable[[], None]] = field(default_factory=list)  # done once the hang-up was reported

    @property
    def number(self) -> str:
        """The phone the person of this leg holds."""
        return self.from_number if self.direction == "inbound" else self.to_number

    @property
    def live(self) -> bool:
        return self.status in LIVE and not self.ending

    @property
    def rings_out(self) -> bool:
        return self.direction == "outbound" and not self.answered

    @property
    def speaks_until(self) -> float:
        return self.said[-1].until if self.said else 0.0

    @property
    def answered(self) -> bool:
        return self.answered_at is not None

    @property
    def conference(self) -> str | None:
        """The name of the room it is in."""
        return self.member.room.name if self.member else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "call_uuid": self.call_uuid,
            "leg": self.name,
            "direction": self.direction,
            "from": self.from_number,
            "to": self.to_number,
            "state": self.status,
            "parent_call_uuid": self.parent.call_uuid if self.parent else None,
            "connected_to": self.peer.call_uuid if self.peer else None,
            "conference": self.conference,
            "hangup": self.hangup
            and {
                "code": self.hangup.code,
                "name": self.hangup.name,
                "cause": self.hangup.cause,
                "source": self.hangup_source,
            },
        }
