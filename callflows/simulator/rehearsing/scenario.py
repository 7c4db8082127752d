"""Scenarios: a conversation written down, one step a line, and carried out by a `Phone`.

    # Nobody is lost when the agent is busy.
    number +14155550123 busy
    dial forward/answer to=+14155550123
    hears "one moment"
    hears "sorry"
    is hung up

The file's name is the sentence it proves: `nobody-is-lost-when-the-agent-is-busy.scenario`. What is wrong with a file
is said with its line; so is the step that did not come true.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..dialects import DIALECTS
from ..switches import Switches
from .call import Call, Unmet
from .phone import Phone

SUFFIX = ".scenario"
_WHO = re.compile(r"(\+[0-9]{7,15}|sips?:\S+)\s+")


class ScenarioError(Exception):
    """A file that cannot be carried out. `line` is 0 where it is about the whole file."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


class StepUnmet(Unmet):
    """A step that did not come true, where it is written."""

    def __init__(self, file: str, step: Step, reason: str, transcript: str) -> None:
        super().__init__(f"{file}:{step.line}: {step.text}: {reason}", transcript)
        self.file, self.line = file, step.line


@dataclass(frozen=True)
class Step:
    line: int
    text: str
    do: Callable[[Scene], None]


@dataclass(frozen=True)
class Scenario:
    """`switches` are pinned: the scenario is about those values, and is not tried with others."""

    file: str
    providers: tuple[str, ...] = tuple(DIALECTS)
    switches: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    steps: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        words = re.sub(r"[-_\s]+", " ", Path(self.file).stem).strip()
        return f"{words[:1].upper()}{words[1:]}"


class Scene:
    """A scenario being carried out: whose turn it is."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.calls: dict[str, Call] = {}  # by number: the newest call of each
        self.latest = ""
        self.who = ""

    @property
    def call(self) -> Call:
        """Of whoever the step names; otherwise of who called last."""
        number = self.who or self.latest
        known = self.calls.get(number)
        if known is None and not number:
            raise self.phone.unmet("nobody has called yet")
        if known is None or (self.who and known.uuid != self.phone.person(number).uuid):
            known = self.calls[number] = self.phone.person(number)
        return known

    def began(self, call: Call) -> None:
        self.calls[call.number] = call
        self.latest = call.number


def run(scenario: Scenario, phone: Phone) -> None:
    """Raise StepUnmet at the first step that does not come true. `phone` is on a fresh simulator."""
    __tracebackhide__ = True
    phone.switch(**scenario.switches)
    scene = Scene(phone)
    for step in scenario.steps:
        try:
            step.do(scene)
        except Unmet as unmet:
            raise StepUnmet(scenario.file, step, unmet.reason, phone.transcript) from None
        except phone.site.refusals as error:
            raise StepUnmet(scenario.file, step, f"is refused: {error}", phone.transcript) from None
        except ValueError as error:  # only carrying it out shows that it makes no sense
            raise ScenarioError(scenario.file, step.line, str(error)) from None


def variations(scenario: Scenario, phone: Phone) -> list[tuple[str, str]]:
    """Every other value of each switch that the run just done has looked at, except those the scenario pins."""
    switches = phone.simulator.platform.switches
    consulted = switches.consulted - set(scenario.switches)
    return [(name, value) for name, value in switches.others(phone.provider) if name in consulted]


def load(path: Path) -> Scenario:
    """Raise ScenarioError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(str(path), 0, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(str(path), 0, "is not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    header: dict[str, Any] = {"switches": {}}
    steps: list[Step] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if not _read_header(line, header, late=bool(steps)):
                steps.append(Step(number, line, _read_step(line)))
        except ValueError as error:
            raise ScenarioError(file, number, str(error)) from None
    if not steps:
        raise ScenarioError(file, 0, "has no steps: `dial FLOW` is the first of most")
    return Scenario(file, steps=tuple(steps), **header)


def _read_header(line: str, header: dict[str, Any], *, late: bool) -> bool:
    """What holds for the whole scenario; False where the line is a step."""
    word, _, rest = line.partition(" ")
    if word not in ("on", "at", "switch"):
        return False
    if late:
        raise ValueError(f"`{word}` comes before the first step")
    words = rest.replace(",", " ").split()
    if word == "on":
        unknown = [name for name in words if name not in DIALECTS]
        if unknown or not words:
            raise ValueError(f"`on` names platforms: {', '.join(DIALECTS)}")
        header["providers"] = tuple(dict.fromkeys(words))
    elif word == "at":
        try:
            header["at"] = datetime.fromisoformat(rest.strip())
        except ValueError:
            raise ValueError("`at` takes a date and time, as 2026-12-24T18:00:00+01:00") from None
        if header["at"].tzinfo is None:
            raise ValueError("`at` needs a zone, as +01:00 or Z")
    else:
        if len(words) != 2:
            raise ValueError("`switch` takes a name and a value, as `switch other_leg keeps-flow`")
        value: Any = float(words[1]) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", words[1]) else words[1]
        explained = Switches.explain().get(words[0], {"values": ()})["values"]
        header["switches"][words[0]] = words[1] if words[1] in explained else value
        Switches().changed(header["switches"])
    return True


# -- steps. Each reads the rest of its line and gives what is to be done.


def _dial(rest: str) -> Callable[[Scene], None]:
    target, given = _target(rest, "dial")
    own = {name: given.pop(name) for name in ("caller", "line", "caller_name", "forwarded_from") if name in given}
    return lambda scene: scene.began(scene.phone.dial(target, given, **own))


def _place(rest: str) -> Callable[[Scene], None]:
    target, given = _target(rest, "place")
    own = {name: given.pop(name) for name in ("line",) if name in given}
    if "callee" in given:
        own["to"] = given.pop("callee")
    return lambda scene: scene.began(scene.phone.place(target, given, **own))


def _transfer(rest: str) -> Callable[[Scene], None]:
    given = _assignments(_split(rest))
    aleg, bleg = given.pop("aleg", ""), given.pop("bleg", "")
    if not (aleg or bleg):
        raise ValueError("`transfer` takes aleg=FLOW, bleg=FLOW, or both")
    return lambda scene: scene.phone.transfer(scene.call, aleg=aleg, bleg=bleg, params=given)


def _number(rest: str) -> Callable[[Scene], None]:
    words = _split(rest)
    if not words:
        raise ValueError("`number` takes a number and how it behaves, as `number +14155550123 busy after=2`")
    named = [word for word in words[1:] if "=" not in word]
    if len(named) > 1:
        raise ValueError(f"a number behaves in one way, not as {' and '.join(named)}")
    plan: dict[str, Any] = {}
    for name, value in _assignments([word for word in words[1:] if "=" in word]).items():
        if name in ("keys", "says"):
            plan[name] = [_timed(name, item) for item in value.split(",")]
        else:
            plan[name] = _seconds(value, name)
    return lambda scene: scene.phone.number(words[0], *named, **plan)


def _hears(rest: str) -> Callable[[Scene], None]:
    text, within = _text(rest, "hears")
    return lambda scene: _none(scene.call.hears(text, *within))


def _has_not_heard(rest: str) -> Callable[[Scene], None]:
    text, _ = _text(rest, "has not heard")
    return lambda scene: _none(scene.call.has_not_heard(text))


def _press(rest: str) -> Callable[[Scene], None]:
    found = re.fullmatch(r"([0-9*#]+)(\s+at once)?", rest.strip())
    if found is None:
        raise ValueError("`press` takes keys: 0-9, * and #; `press 1 at once` does not wait to be asked")
    return lambda scene: _none(scene.call.press(found[1], at_once=bool(found[2])))


def _say(rest: str) -> Callable[[Scene], None]:
    text, _ = _text(rest, "say")
    return lambda scene: _none(scene.call.say(text))


def _connected(rest: str) -> Callable[[Scene], None]:
    number = _one(rest, "is connected to", "a number")
    return lambda scene: _none(scene.call.is_connected_to(number))


def _conference(rest: str) -> Callable[[Scene], None]:
    name = _one(rest, "is in conference", "the room's name")
    return lambda scene: _none(scene.call.is_in_conference(name))


def _hung_up(rest: str) -> Callable[[Scene], None]:
    found = re.fullmatch(r"(?:([0-9]{1,4})\b)?\s*(?:by\s+(.+))?", rest.strip())
    if found is None:
        raise ValueError("`is hung up` may add a code and by whom, as `is hung up 4010 by Plivo`")
    code, by = int(found[1]) if found[1] else None, found[2] or ""
    return lambda scene: _none(scene.call.is_hung_up(code, by))


def _live(rest: str) -> Callable[[Scene], None]:
    _nothing(rest, "is not hung up")
    return lambda scene: _none(scene.call.is_not_hung_up())


def _hangs_up(rest: str) -> Callable[[Scene], None]:
    _nothing(rest, "hangs up")
    return lambda scene: _none(scene.call.hang_up())


def _wait(rest: str) -> Callable[[Scene], None]:
    seconds = _seconds(rest.strip(), "wait")
    return lambda scene: scene.phone.wait(seconds)


def _fault(rest: str) -> Callable[[Scene], None]:
    given: dict[str, Any] = dict(_assignments(_split(rest)))
    for name in ("count", "seconds"):
        if name in given:
            given[name] = _seconds(given[name], name)
    return lambda scene: scene.phone.fault(**given)


VERBS: dict[str, Callable[[str], Callable[[Scene], None]]] = {
    "dial": _dial,
    "place": _place,
    "number": _number,
    "hears": _hears,
    "has not heard": _has_not_heard,
    "press": _press,
    "presses": _press,
    "say": _say,
    "says": _say,
    "is connected to": _connected,
    "is in conference": _conference,
    "is hung up": _hung_up,
    "is not hung up": _live,
    "hangs up": _hangs_up,
    "transfer": _transfer,
    "wait": _wait,
    "fault": _fault,
}


def _read_step(line: str) -> Callable[[Scene], None]:
    named = _WHO.match(line)
    who, rest = (named[1], line[named.end() :]) if named else ("", line)
    for verb in sorted(VERBS, key=len, reverse=True):
        if rest == verb or rest.startswith(f"{verb} "):
            do = VERBS[verb](rest[len(verb) :])
            return lambda scene: _as(scene, who, do)
    first = rest.split()[0]
    close = difflib.get_close_matches(first, VERBS) or difflib.get_close_matches(rest, VERBS, 1, 0.4)
    hint = f"did you mean `{close[0]}`?" if close else f"a step is one of: {', '.join(VERBS)}"
    raise ValueError(f"no such step: {first!r}; {hint}")


def _as(scene: Scene, who: str, do: Callable[[Scene], None]) -> None:
    __tracebackhide__ = True
    scene.who = who
    do(scene)


def _none(_: object) -> None:
    """A step's outcome is that it came true."""


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"the quotes do not match: {error}") from None


def _target(rest: str, verb: str) -> tuple[str, dict[str, str]]:
    words = _split(rest)
    if not words or "=" in words[0].partition("?")[0]:
        raise ValueError(f"`{verb}` takes what answers: a flow, FLOW/STEP, or a path of the web application")
    return words[0], _assignments(words[1:])


def _assignments(words: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is not NAME=VALUE")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value
    return found


def _text(rest: str, verb: str) -> tuple[str, tuple[float, ...]]:
    """Words, in quotes or not; in quotes `within SECONDS` may follow."""
    rest = rest.strip()
    found = re.fullmatch(r'"([^"]+)"(?:\s+within\s+(\S+))?', rest)
    if found:
        return found[1], (_seconds(found[2], "within"),) if found[2] else ()
    if not rest or '"' in rest:
        raise ValueError(f'`{verb}` takes words, as {verb} "Press 1"')
    return rest, ()


def _one(rest: str, verb: str, what: str) -> str:
    words = _split(rest)
    if len(words) != 1:
        raise ValueError(f"`{verb}` takes {what}")
    return words[0]


def _nothing(rest: str, verb: str) -> None:
    if rest.strip():
        raise ValueError(f"`{verb}` takes nothing more")


def _seconds(text: str, name: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ValueError(f"{name} takes a number, not {text!r}")
    return float(text)


def _timed(name: str, item: str) -> list[Any]:
    at, colon, what = item.partition(":")
    if not colon or not what:
        raise ValueError(f"{name} takes SECONDS:{'DIGITS' if name == 'keys' else 'WORDS'}, as {name}=5:1")
    return [_seconds(at, name), what]
