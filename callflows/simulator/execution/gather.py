"""GetDigits, GetInput and Gather: prompts that a key or a word interrupts, then collecting, then `action`."""

from __future__ import annotations

from dataclasses import dataclass

from ..calls import Key, Speech
from ..document import Element
from ..engine import Pause, Steps, sleep
from .turn import Turn, act, start_sound

AUTO_END_SECONDS = 2.0  # "auto" is not documented in figures; 2 is the least the attribute takes


@dataclass(frozen=True)
class Rules:
    first: float  # seconds to the first key or word, once the prompts are over
    between: float  # seconds between keys
    count: int
    finish: str
    takes: frozenset[str] = frozenset(("dtmf", "speech"))


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
    )
    valid = element.get("validDigits") or "1234567890*#"
    for _ in range(max(1, int(element.number("retries", 1)))):
        pressed = (yield from _collect(turn, rules)).digits
        if pressed and all(digit in valid for digit in pressed):
            platform.note(leg, "input", f"gave the digits {pressed}", digits=pressed)
            yield from act(turn, {"Digits": pressed})
            return
        if pressed and element.get("invalidDigitsSound"):
            sound = Element("Play", {}, element.get("invalidDigitsSound"))
            yield from sleep(platform.engine, start_sound(platform, leg, sound))
        platform.note(leg, "input", f"gave {'digits that are not valid' if pressed else 'no digits'}", digits=pressed)


def get_input(turn: Turn) -> Steps[None]:
    """Plivo docs, GetInput; Vobiz docs, Gather: the same attributes under another name."""
    element, leg, platform = turn.element, turn.leg, turn.platform
    rules = Rules(
        first=element.number("executionTimeout", 15),
        between=element.number("digitEndTimeout", AUTO_END_SECONDS),
        count=max(1, int(element.number("numDigits", 32))),
        finish=_finish_key(element),
        takes=frozenset(element.get("inputType").split()) or frozenset(("dtmf", "speech")),
    )
    for _ in range(max(1, int(element.number("retries", 1)))):
        given = yield from _collect(turn, rules)
        if given:
            break
    if given:
        kind = "digits" if given.digits else "speech"
        said = f"the digits {given.digits}" if given.digits else f'the words "{given.speech}"'
        platform.note(leg, "input", f"gave {said}", **{kind: given.digits or given.speech})
        interim = element.get("interimSpeechResultsCallback").strip()
        if given.speech and interim:
            method = element.get("interimSpeechResultsCallbackMethod") or "POST"
            results = {"StableSpeech": given.speech, "UnstableSpeech": "", "Stability": "0.9", "SequenceNumber": "1"}
            standard = platform.callbacks.standard(leg, "", platform.switches)
            platform.notify(leg, interim, method, standard | results)
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


def _params(given: Input) -> dict[str, str]:
    return {
        "InputType": "speech" if given.speech else "dtmf" if given.digits else "",
        "Digits": given.digits,
        "Speech": given.speech,
        "SpeechConfidenceScore": "0.9" if given.speech else "0.0",
        "BilledAmount": "0.00000",
    }


def _finish_key(element: Element) -> str:
    """One key, or nothing: an empty value and "none" both say that no key finishes."""
    key = element.get("finishOnKey", "#").strip()
    return key if len(key) == 1 else ""


def _collect(turn: Turn, rules: Rules) -> Steps[Input]:
    message = None
    for child in turn.element.children:
        seconds = start_sound(turn.platform, turn.leg, child)
        message = yield from _listen(turn, seconds, rules.takes)
        if message is not None:
            break
    if message is None:
        message = yield from _listen(turn, rules.first, rules.takes)
    digits = ""
    while message is not None:
        if isinstance(message, Speech):
            return Input(speech=message.words)
        if message.digit == rules.finish:
            break
        digits += message.digit
        if len(digits) >= rules.count:
            break
        message = yield from _listen(turn, rules.between, frozenset(("dtmf",)))
    return Input(digits=digits)


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
