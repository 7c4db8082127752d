"""One person's side of a call: what they hear, what they do, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..calls import Leg, plain, pretty
from ..hangups import CODES
from ..streams import Stream, steer
from .wording import Unmet, in_words, keys, party, pattern, words

if TYPE_CHECKING:
    from .phone import Phone

PATIENCE = 120.0  # virtual seconds something may take to happen
WHOLE_CALL = 4 * 3600.0
_SOUNDS = ("Speak", "Play", "Wait", "PreAnswer")


class Call:
    """One person's side of a call: what they hear, and what they do."""

    def __init__(self, phone: Phone, leg: Leg) -> None:
        self.phone, self._leg = phone, leg
        self._heard_to = 0  # where in the transcript the next thing to hear is looked for

    def __repr__(self) -> str:
        return f"<Call {self.number} {self._leg.status}>"

    @property
    def uuid(self) -> str:
        return self._leg.call_uuid

    @property
    def number(self) -> str:
        return pretty(self._leg.number)

    @property
    def over(self) -> str:
        """How the call ended, for people; empty while it lasts."""
        return f"the call has ended{self._end()}" if self._leg.ended_at is not None else ""

    @property
    def heard(self) -> list[str]:
        """Every text spoken and every audio file played to this person so far."""
        return [text for _, text in self._hearing(0)]

    @property
    def other(self) -> Call | None:
        """The person at the other end, where there is one."""
        peer = self._leg.peer
        return Call(self.phone, peer) if peer is not None else None

    # -- what is so

    @in_words
    def hears(self, text: str | re.Pattern[str], within: float = PATIENCE) -> Call:
        """Something with `text` in it is played or spoken to this person, after what they were last said to hear.
        Capitals and line breaks do not matter."""
        pattern(text)
        if not self.phone.until(lambda: self._find(text) is not None or self._leg.ended_at is not None, within):
            raise self._unmet(f"did not hear {_shown(text)} within {within:g} s{self._instead()}")
        found = self._find(text)
        if found is None:
            raise self._unmet(f"did not hear {_shown(text)} before the call ended{self._end()}{self._instead()}")
        self._heard_to = found + 1
        return self

    @in_words
    def has_not_heard(self, text: str | re.Pattern[str]) -> Call:
        """At no time so far."""
        if any(_matches(pattern(text), heard) for heard in self.heard):
            raise self._unmet(f"did hear {_shown(text)}")
        return self

    @in_words
    def is_connected_to(self, number: str, within: float = PATIENCE) -> Call:
        """Talks to `number`; returns this call. `other` is the person at the other end."""
        leg, who = self._leg, party(number)

        def connected() -> bool:
            return leg.peer is not None and plain(leg.peer.number) == who

        self.phone.until(lambda: connected() or leg.ended_at is not None, within)
        if not connected():
            talks_to = pretty(leg.peer.number) if leg.peer else "nobody"
            raise self._unmet(f"is connected to {talks_to}, not to {pretty(number)}{self._over()}")
        return self

    @in_words
    def is_in_conference(self, name: str, within: float = PATIENCE) -> Call:
        leg = self._leg
        words(name, "a conference's name")

        def inside() -> bool:
            return leg.conference == name

        self.phone.until(lambda: inside() or leg.ended_at is not None, within)
        if not inside():
            raise self._unmet(f"is in {leg.conference or 'no conference'}, not in {name}{self._over()}")
        return self

    @in_words
    def is_streamed_to(self, url: str, within: float = PATIENCE) -> Call:
        """A web socket of the application has this call's audio; `url` is in its address."""
        words(url, "a socket's address")

        def streamed() -> bool:
            return any(url in stream.service_url for stream in self._streams())

        self.phone.until(lambda: streamed() or self._leg.ended_at is not None, within)
        if not streamed():
            sockets = ", ".join(stream.service_url for stream in self._streams()) or "nowhere"
            raise self._unmet(f"is streamed to {sockets}, not to {url}{self._over()}")
        return self

    @in_words
    def is_hung_up(self, code: int | None = None, by: str = "", within: float = WHOLE_CALL) -> Call:
        """The call is over. `code` is the platform's hang-up code (4000, 7013, ...), `by` its hang-up source."""
        leg = self._leg
        if code is not None and code not in CODES:
            raise ValueError(f"{code!r} is no hang-up code: one of {', '.join(map(str, CODES))}")
        if by:
            words(by, "who hung up")
        self.phone.until(lambda: leg.ended_at is not None, within)
        if leg.hangup is None:
            raise self._unmet(f"is not hung up after {within:g} s")
        if code is not None and leg.hangup.code != code:
            raise self._unmet(f"was hung up with {leg.hangup.code} ({leg.hangup.name}), not {code}")
        if by and leg.hangup_source.casefold() != by.casefold():
            raise self._unmet(f"was hung up by {leg.hangup_source}, not by {by}")
        return self

    @in_words
    def is_not_hung_up(self) -> Call:
        """The call is live now."""
        if self._leg.hangup is not None:
            raise self._unmet(f"was hung up with {self._leg.hangup.code} ({self._leg.hangup.name})")
        return self

    # -- what the person does

    @in_words
    def press(self, digits: str, *, at_once: bool = False) -> Call:
        """As people do it: when the call asks for keys. A call that is playing something is first let run until it
        does; `at_once` presses now, whether anything listens or not."""
        keys(digits)
        self._act("dtmf", f"press {digits}", at_once, lambda: self.phone.platform.press(self._leg, digits))
        return self

    @in_words
    def say(self, text: str, *, at_once: bool = False) -> Call:
        """Speak, when the call listens for speech; see `press`."""
        words(text, "what is said")
        self._act("speech", f'say "{text}"', at_once, lambda: self.phone.platform.say(self._leg, text))
        return self

    @in_words
    def hang_up(self) -> Call:
        self._be_live("hang up")
        with self.phone.platform.lock:
            self.phone.platform.hang_up(self._leg)
        self.phone._settle()
        return self

    @in_words
    def wait(self, how_long: float) -> Call:
        self.phone.wait(how_long)
        return self

    # -- what the application does, where the call's audio is streamed to

    @in_words
    def end_stream(self, *, lost: bool = False) -> Call:
        """It closes the web socket; `lost`: the connection breaks."""
        if not self._streams():
            raise self._unmet(f"is not streamed anywhere{self._over()}")
        with self.phone.platform.lock:
            steer(self.phone.platform, self._leg, {"drop" if lost else "close": True})
        self.phone._settle()
        return self

    # --

    def _streams(self) -> list[Stream]:
        return [stream for stream in self._leg.streams if stream.live]

    def _act(self, kind: str, what: str, at_once: bool, do: Callable[[], None]) -> None:
        leg = self._leg
        self._be_live(what)
        if not at_once:
            self.phone.until(lambda: kind in leg.listening or leg.element not in _SOUNDS or leg.ended_at is not None)
            self._be_live(what)
            if kind not in leg.listening and leg.element in _SOUNDS:
                raise self._unmet(f"would {what}, but nothing listens{self._instead()} (at_once=True does it anyway)")
        with self.phone.platform.lock:
            do()
        self.phone._settle()

    def _be_live(self, what: str) -> None:
        if self._leg.ended_at is not None:
            raise self._unmet(f"cannot {what}{self._over()}")

    def _hearing(self, since: int) -> list[tuple[int, str]]:
        entries = self.phone.platform.transcript.entries
        return [
            (index, str(entry.details.get("heard", "")))
            for index, entry in enumerate(entries[since:], since)
            if entry.kind == "hear" and entry.call_uuid == self.uuid
        ]

    def _find(self, text: str | re.Pattern[str]) -> int | None:
        return next((index for index, heard in self._hearing(self._heard_to) if _matches(text, heard)), None)

    def _instead(self) -> str:
        heard = [f'"{text}"' for _, text in self._hearing(self._heard_to)]
        return f"; heard instead: {', '.join(heard[-3:])}" if heard else "; nothing else was heard"

    def _over(self) -> str:
        return f": {self.over}" if self.over else ""

    def _end(self) -> str:
        return f" ({self._leg.hangup.code} {self._leg.hangup.name})" if self._leg.hangup is not None else ""

    def _unmet(self, reason: str) -> Unmet:
        return self.phone.unmet(f"{self.number} {reason}")


def _matches(text: str | re.Pattern[str], heard: str) -> bool:
    if isinstance(text, re.Pattern):
        return text.search(heard) is not None
    return " ".join(text.split()).casefold() in " ".join(heard.split()).casefold()


def _shown(text: str | re.Pattern[str]) -> str:
    return f"/{text.pattern}/" if isinstance(text, re.Pattern) else f'"{text}"'
