"""Recordings of calls: which are under way, what each of them hears, and the reports once one is ready.

A recording hears its own leg and whoever that leg is connected to. Nothing is stored but the words that were said;
`RecordUrl` names a host that can never exist. Methods belong to the engine's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from .callbacks import record_stop, transcription
from .calls import Leg, Utterance

if TYPE_CHECKING:
    from .engine import Timer
    from .platform import Platform

MASK = "•••"  # for what is not to be written down
HOST = "https://recordings.invalid"  # RFC 2606: resolves nowhere, so nobody is asked for a file by mistake


def recording_url(auth_id: str, recording_id: str, file_format: str) -> str:
    return f"{HOST}/{auth_id}/{recording_id}.{file_format}"


@dataclass(frozen=True)
class RecordOrder:
    """What a Record element or a REST request asks for.

    `kind`: `element` (the document waits for its end), `session` (in the background, also one that began when a Dial
    was answered) or `api`.
    """

    kind: str
    limit: float | None
    limit_asked: bool = True
    file_format: str = "mp3"
    channels: str = "stereo"
    callback_url: str = ""
    callback_method: str = "POST"
    transcription_url: str = ""
    transcription_method: str = "POST"
    api_id: str = ""


@dataclass(eq=False)
class Recording:
    id: str
    leg: Leg
    order: RecordOrder
    url: str
    started_at: float
    ended_at: float | None = None
    reason: str = ""  # silence, length, key, hang-up, transfer, action or stopped
    heard: list[Utterance] = field(default_factory=list)
    limit: Timer | None = None

    def seconds(self, now: float) -> float:
        return (now if self.ended_at is None else self.ended_at) - self.started_at

    def words(self, now: float) -> str:
        """What was said while it ran: of somebody who was cut off, the words up to then."""
        until = now if self.ended_at is None else self.ended_at
        return " ".join(word for said in self.heard for word in said.between(self.started_at, until))

    def as_dict(self, now: float) -> dict[str, Any]:
        return {
            "recording_id": self.id,
            "call_uuid": self.leg.call_uuid,
            "leg": self.leg.name,
            "kind": self.order.kind,
            "url": self.url,
            "started_at": round(self.started_at, 3),
            "seconds": round(self.seconds(now), 3),
            "words": self.words(now),
            "ended_by": self.reason or None,
            "channels": self.order.channels,
        }


class Recordings:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.all: list[Recording] = []
        self._waiting: list[tuple[Leg, Recording]] = []  # startOnDialAnswer: for this leg's next bridge

    def as_list(self) -> list[dict[str, Any]]:
        return [recording.as_dict(self.platform.clock.now()) for recording in self.all]

    def prepare(self, leg: Leg, order: RecordOrder) -> Recording:
        """One that has not begun: its id and URL are told before."""
        recording_id = self.platform.new_uuid("recording")
        url = recording_url(self.platform.auth_id, recording_id, order.file_format)
        return Recording(recording_id, leg, order, url, self.platform.clock.now())

    def start(self, recording: Recording) -> None:
        platform, leg, order = self.platform, recording.leg, recording.order
        if leg.ended_at is not None:
            return
        recording.started_at = platform.clock.now()
        for each in (leg, leg.peer):  # somebody may be in the middle of a sentence
            if each is not None:
                recording.heard += [said for said in each.said if said.until > recording.started_at]
        self.all.append(recording)
        how = {"element": "", "session": " in the background", "api": " as asked by REST"}[order.kind]
        platform.note(leg, "record", f"is being recorded{how}", recording_id=recording.id)
        if order.limit is not None and order.kind != "element":
            # as with Dial's timeLimit: time does not hurry to a limit that nobody asked for
            stop = partial(self.end, recording, "length")
            recording.limit = platform.engine.after(order.limit, stop, background=not order.limit_asked)

    def start_on_dial_answer(self, recording: Recording) -> None:
        self._waiting.append((recording.leg, recording))

    def bridged(self, a_leg: Leg) -> None:
        due = [recording for leg, recording in self._waiting if leg is a_leg]
        self._waiting = [(leg, recording) for leg, recording in self._waiting if leg is not a_leg]
        for recording in due:
            self.start(recording)

    def hear(self, leg: Leg, words: str) -> None:
        """The person of this leg starts to speak, or goes on if still speaking: it takes as long as Speak would."""
        now = self.platform.clock.now()
        begins = max(now, leg.speaks_until)
        spoken = tuple(words.split())
        lasts = len(spoken) / self.platform.switches.words_per_second
        leg.said.append(Utterance(begins, begins + lasts, (MASK,) * len(spoken) if leg.unwritten else spoken))
        for recording in self.all:
            if recording.ended_at is None and leg in (recording.leg, recording.leg.peer):
                recording.heard.append(leg.said[-1])

    def end(self, recording: Recording, reason: str) -> None:
        platform, leg, order = self.platform, recording.leg, recording.order
        if recording.ended_at is not None:
            return
        recording.ended_at, recording.reason = platform.clock.now(), reason
        platform.engine.cancel(recording.limit)
        seconds, words = recording.seconds(recording.ended_at), recording.words(recording.ended_at)
        platform.note(
            leg,
            "record",
            f"is no longer recorded after {seconds:.1f} s ({reason}): {_quoted(words)}",
            recording_id=recording.id,
            ended_by=reason,
            words=words,
        )
        stop = record_stop(platform.callbacks, recording, platform.switches)
        platform.notify(leg, order.callback_url, order.callback_method, stop)
        if order.transcription_url:
            written = transcription(platform.callbacks, recording, platform.new_uuid("recording"))
            platform.notify(leg, order.transcription_url, order.transcription_method, written)

    def stop(self, leg: Leg, recording_id: str = "") -> None:
        """By REST: one, or all of this leg but that of a Record element, which its document waits for."""
        for recording in list(self.all):
            named = recording.id == recording_id if recording_id else recording.order.kind != "element"
            if recording.leg is leg and named and recording.order.kind != "element":
                self.end(recording, "stopped")

    def hung_up(self, leg: Leg) -> None:
        self._waiting = [(waiting, recording) for waiting, recording in self._waiting if waiting is not leg]
        for recording in list(self.all):
            if recording.leg is leg:
                self.end(recording, "hang-up")


def _quoted(words: str) -> str:
    return f'"{words}"' if words else "nothing was said"
