"""GetDigits, GetInput and Gather: prompts that a key or a word interrupts, then collecting, then `action`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..calls import Key, Speech
from ..document import Element
from ..engine import Pause, Steps
from .sound import sound
from .turn import Turn, act, hearing

AUTO_END_SECONDS = 2.0  # "auto" is not documented in figures; 2 is the least the attribute takes
BOTH = frozenset(("dtmf", "speech"))
INTERIM_WORDS = 4  # how much of a long sentence each interim result adds: not documented
MASK = "•"


@dataclass(frozen=True)
class Rules:
    first: float  # seconds to the first key or word, once the prompts are over
    between: float  # seconds between keys
    count: int
    finish: str
    takes: frozenset[str] = BOTH
    whole: float = math.inf  # seconds in which all input must have come, once the prompts are over
    speech_end: float = 0.0  # seconds of silence that end speech
    beep: bool = False
    written: bool = True  # in the transcript


@dataclass(frozen=True)
class Input:
    digits: str = ""
    speech: str = ""

    def __bool__(self) -> bool:
        return bool(self.digits or self.speech)


def get_digits(turn: Turn) -> Steps[None]:
    """Plivo docs, GetDigits. Without digits the next element runs; `action` is only fetched with digits."""
    element, leg, platform = turn.element, turn.leg, turn.platform
    rules = Rules(
        first=element.number("timeout", 5),
        between=element.number("digitTimeout", 2),
        count=max(1, int(element.number("numDigits", 99))),
        finish=_finish_key(element),
        takes=frozenset(("dtmf",)),
        beep=element.flag("playBeep", False),
        written=element.flag("log", True),
    )
    valid = element.get("validDigits") or "1234567890*#"
    for _ in range(max(1, int(element.number("retries", 1)))):
        pressed = (yield from _collect(turn, rules)).digits
        if pressed and all(digit in valid for digit in pressed):
            _write_down(turn, Input(digits=pressed), rules)
            yield from act(turn, {"Digits": pressed})
            return
        platform.note(
            leg,
            "input",
            f"gave {'digits that are not valid' if pressed else 'no digits'}",
            digits=pressed if rules.written else MASK * len(pressed),
        )
        if pressed and element.get("invalidDigitsSound"):
            yield from sound(Turn(platform, leg, Element("Play", {}, element.get("invalidDigitsSound"))))


def get_input(turn: Turn) -> Steps[None]:
    """Plivo docs, GetInput; Vobiz docs, Gather: the same attributes under another name. Figures outside the documented
    range count as the nearest inside.
    """
    element, leg, platform = turn.element, turn.leg, turn.platform
    whole = _within(element, "executionTimeout", 15, 5, 60)
    ends_itself = not element.get("speechEndTimeout").strip().isdigit()
    rules = Rules(
        first=min(whole, element.number("startInputTimeout", whole)),
        between=_within(element, "digitEndTimeout", AUTO_END_SECONDS, 2, 10),
        count=int(_within(element, "numDigits", 32, 1, 32)),
        finish=_finish_key(element),
        takes=frozenset(element.get("inputType").split()) & BOTH or BOTH,
        whole=whole,
        speech_end=0.0 if ends_itself else _within(element, "speechEndTimeout", 2, 2, 10),
        written=element.flag("log", True),
    )
    given = Input()
    for _ in range(max(1, int(element.number("retries", 1)))):
        given = yield from _collect(turn, rules)
        if given:
            break
    if given:
        _write_down(turn, given, rules)
        _tell_interim(turn, given.speech)
        yield from act(turn, _params(given))
        return
    platform.note(leg, "input", "gave no input")
    no_input = platform.switches.no_input
    if no_input == "empty-action":
        yield from act(turn, _params(given))
    elif no_input == "empty-action-then-continue" and element.get("action"):
        standard = platform.callbacks.standard(leg, "Redirect", platform.switches)
        method, url = element.get("method") or "POST", element.get("action").strip()
        yield from platform.fetch(leg, "action", url, method, standard | _params(given))


def _within(element: Element, name: str, default: float, low: float, high: float) -> float:
    return min(high, max(low, element.number(name, default)))


def _finish_key(element: Element) -> str:
    """One key, or nothing: an empty value and "none" both say that no key finishes."""
    key = element.get("finishOnKey", "#").strip()
    return key if len(key) == 1 else ""


def _params(given: Input) -> dict[str, str]:
    return {
        "InputType": "speech" if given.speech else "dtmf" if given.digits else "",
        "Digits": given.digits,
        "Speech": given.speech,
        "SpeechConfidenceScore": "0.9" if given.speech else "0.0",
        "BilledAmount": "0.00000",
    }


def _write_down(turn: Turn, given: Input, rules: Rules) -> None:
    """log="false" keeps sensitive input out of the platform's logs, and so out of the transcript."""
    kind = "digits" if given.digits else "speech"
    said = given.digits or given.speech
    if not rules.written:
        said = MASK * (len(said) if given.digits else 3)
    text = f"the digits {said}" if given.digits else f'the words "{said}"'
    turn.platform.note(turn.leg, "input", f"gave {text}", **{kind: said})


def _tell_interim(turn: Turn, speech: str) -> None:
    platform, leg, element = turn.platform, turn.leg, turn.element
    url = element.get("interimSpeechResultsCallback").strip()
    method = element.get("interimSpeechResultsCallbackMethod") or "POST"
    standard = platform.callbacks.standard(leg, "", platform.switches)
    for results in _interim(speech):
        platform.notify(leg, url, method, standard | results)


def _interim(speech: str) -> Iterator[dict[str, str]]:
    words = speech.split()
    for number, end in enumerate(range(INTERIM_WORDS, len(words) + INTERIM_WORDS, INTERIM_WORDS), start=1):
        yield {
            "StableSpeech": " ".join(words[:end]),
            "UnstableSpeech": " ".join(words[end : end + INTERIM_WORDS]),
            "Stability": "0.9",
            "SequenceNumber": str(number),
        }


def _collect(turn: Turn, rules: Rules) -> Steps[Input]:
    platform, leg = turn.platform, turn.leg
    leg.unwritten = not rules.written
    try:
        message = yield from _prompts(turn, rules)
        until = platform.clock.now() + rules.whole
        if message is None:
            message = yield from _listen(turn, rules.first, rules.takes)
        if isinstance(message, Speech):
            return Input(speech=(yield from _sentence(turn, rules, message.words, until)))
        digits = ""
        while isinstance(message, Key) and message.digit != rules.finish:
            digits += message.digit
            if len(digits) >= rules.count:
                break
            left = min(rules.between, until - platform.clock.now())
            message = yield from _listen(turn, left, frozenset(("dtmf",)))
        return Input(digits=digits)
    finally:
        leg.unwritten = False


def _prompts(turn: Turn, rules: Rules) -> Steps[Key | Speech | None]:
    """Whatever interrupted them."""
    platform, leg = turn.platform, turn.leg
    for child in turn.element.children:
        with hearing(platform, leg, child) as seconds:
            message = yield from _listen(turn, seconds, rules.takes)
        if message is not None:
            return message
    if rules.beep:
        platform.note(leg, "hear", "hears a beep", element=turn.element.name, heard="beep")
    return None


def _sentence(turn: Turn, rules: Rules, words: str, until: float) -> Steps[str]:
    """With "auto" a sentence is understood once it has been said. With a figure, what is said before there was that
    much silence belongs to it.
    """
    leg, clock, said = turn.leg, turn.platform.clock, [words]
    while True:
        silent_at = max(clock.now(), leg.speaks_until) + rules.speech_end
        more = yield from _listen(turn, min(silent_at, until) - clock.now(), frozenset(("speech",)))
        if not isinstance(more, Speech):
            break
        said.append(more.words)
    return " ".join(said)


def _listen(turn: Turn, seconds: float | None, takes: frozenset[str]) -> Steps[Key | Speech | None]:
    """The first key or word within `seconds` (None: for as long as it takes)."""
    clock = turn.platform.clock
    until = None if seconds is None else clock.now() + seconds
    turn.leg.listening = takes
    try:
        while until is None or until - clock.now() > 1e-9:
            message = yield Pause(None if until is None else until - clock.now())
            if (isinstance(message, Key) and "dtmf" in takes) or (isinstance(message, Speech) and "speech" in takes):
                return message
        return None
    finally:
        turn.leg.listening = frozenset()
