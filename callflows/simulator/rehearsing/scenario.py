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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..dialects import DIALECTS
from ..switches import Switches
from . import arguments
from .call import Call
from .phone import Phone
from .wording import Unmet

SUFFIX = ".scenario"
_ROOM = re.compile(r"\{room([0-9]{0,2})\}")
_WHO = re.compile(r"(\+[0-9]{7,15}|sips?:\S+)\s+")


class ScenarioError(Exception):
    """A file that cannot be carried out. `line` is 0 where it is about the whole file."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


class StepUnmet(Unmet):
    """A step that did not come true, where it is written."""

    __module__ = Unmet.__module__

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
        self.transfers: list[str] = []  # ids of those that the platform accepted

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

    def filled(self, text: str) -> str:
        """With the room of an earlier transfer in place of `{room}`, or of `{room2}`: the second one's."""

        def room(found: re.Match[str]) -> str:
            number = int(found[1] or 1)
            if not 0 < number <= len(self.transfers):
                raise ValueError(f"{found[0]} is the room of a transfer, and there were {len(self.transfers)} so far")
            return f"transfer-{self.transfers[number - 1]}"

        return _ROOM.sub(room, text)

    def began(self, call: Call) -> None:
        self.calls[call.number] = call
        self.latest = call.number


def run(scenario: Scenario, phone: Phone) -> None:
    """Raise StepUnmet at the first step that does not come true, ScenarioError at one that makes no sense. `phone` is
    on a fresh simulator."""
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


def load(path: Path, file: str = "") -> Scenario:
    """`file` is what messages call it. Raise ScenarioError."""
    file = file or str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScenarioError(file, 0, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(file, 0, "is not UTF-8 text") from None
    return parse(text, file)


def parse(text: str, file: str) -> Scenario:
    header: dict[str, Any] = {"switches": {}}
    steps: list[Step] = []
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):  # as editors count lines
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
    word, rest = (*line.split(None, 1), "")[:2]
    if word not in ("on", "at", "switch"):
        return False
    if late:
        raise ValueError(f"`{word}` comes before the first step")
    words = rest.replace(",", " ").split()
    if (word == "on" and "providers" in header) or (word == "at" and "at" in header):
        raise ValueError(f"`{word}` is given twice")
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
        if words[0] in header["switches"]:
            raise ValueError(f"switch {words[0]} is given twice")
        value: Any = float(words[1]) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", words[1]) else words[1]
        explained = Switches.explain().get(words[0], {"values": ()})["values"]
        header["switches"][words[0]] = words[1] if words[1] in explained else value
        Switches().changed(header["switches"])
    return True


# -- steps. Each reads the rest of its line and gives what is to be done.


def _dial(rest: str) -> Callable[[Scene], None]:
    target, given = arguments.target(rest, "dial")
    own = {name: given.pop(name) for name in ("caller", "line", "caller_name", "forwarded_from") if name in given}
    return lambda scene: scene.began(scene.phone.dial(target, given, **own))


def _place(rest: str) -> Callable[[Scene], None]:
    target, given = arguments.target(rest, "place")
    own = {name: given.pop(name) for name in ("line",) if name in given}
    if "callee" in given:
        own["to"] = given.pop("callee")
    return lambda scene: scene.began(scene.phone.place(target, given, **own))


def _transfer(rest: str) -> Callable[[Scene], None]:
    """`transfer ... is refused`, by the application or the platform; `transfer stop_stream ...` ends streams, too."""
    words = arguments.split(rest)
    refused = words[-2:] == ["is", "refused"]
    words = words[:-2] if refused else words
    stop_stream = "stop_stream" in words
    given = arguments.assignments(word for word in words if word != "stop_stream")
    aleg, bleg = given.pop("aleg", ""), given.pop("bleg", "")
    if not (aleg or bleg):
        raise ValueError("`transfer` takes aleg=FLOW, bleg=FLOW, or both")

    def do(scene: Scene) -> None:
        params = {name: scene.filled(value) for name, value in given.items()}
        expected: tuple[type[Exception], ...] = (Unmet, *scene.phone.site.refusals) if refused else ()
        call = scene.call
        try:
            found = scene.phone.transfer(call, aleg=aleg, bleg=bleg, params=params, stop_stream=stop_stream)
        except expected:
            return
        if refused:
            raise scene.phone.unmet(f"the transfer of {call.number} was accepted")
        scene.transfers.append(found)

    return do


def _next(rest: str) -> Callable[[Scene], None]:
    queue, given = arguments.target(rest, "next", "a queue")
    aleg = given.pop("aleg", "")
    if not aleg:
        raise ValueError("`next` takes a queue and aleg=FLOW, as `next support aleg=forward`")
    return lambda scene: scene.began(scene.phone.next(queue, aleg=aleg, params=given))


def _number(rest: str) -> Callable[[Scene], None]:
    words = arguments.split(rest)
    if not words:
        raise ValueError("`number` takes a number and how it behaves, as `number +14155550123 busy after=2`")
    named = [word for word in words[1:] if "=" not in word]
    if len(named) > 1:
        raise ValueError(f"a number behaves in one way, not as {' and '.join(named)}")
    plan: dict[str, Any] = {}
    for name, value in arguments.assignments([word for word in words[1:] if "=" in word]).items():
        if name in ("keys", "says"):
            plan[name] = [arguments.timed(name, item) for item in value.split(",")]
        else:
            plan[name] = arguments.seconds(value, name)
    return lambda scene: scene.phone.number(words[0], *named, **plan)


def _hears(rest: str) -> Callable[[Scene], None]:
    text, within = arguments.text(rest, "hears")
    return lambda scene: _none(scene.call.hears(text, *within))


def _has_not_heard(rest: str) -> Callable[[Scene], None]:
    text, within = arguments.text(rest, "has not heard")
    if within:
        raise ValueError("`has not heard` is about all that was heard so far, and takes no `within`")
    return lambda scene: _none(scene.call.has_not_heard(text))


def _press(rest: str) -> Callable[[Scene], None]:
    found = re.fullmatch(r"([0-9*#]+)(\s+at\s+once)?", rest.strip())
    if found is None:
        raise ValueError("`press` takes keys: 0-9, * and #; `press 1 at once` does not wait to be asked")
    return lambda scene: _none(scene.call.press(found[1], at_once=bool(found[2])))


def _say(rest: str) -> Callable[[Scene], None]:
    text, within = arguments.text(rest, "say")
    if within:
        raise ValueError("`say` takes words, and no `within`")
    return lambda scene: _none(scene.call.say(text))


def _connected(rest: str) -> Callable[[Scene], None]:
    number = arguments.one(rest, "is connected to", "a number")
    return lambda scene: _none(scene.call.is_connected_to(number))


def _conference(rest: str) -> Callable[[Scene], None]:
    name = arguments.one(rest, "is in conference", "the room's name")
    return lambda scene: _none(scene.call.is_in_conference(scene.filled(name)))


def _streamed(rest: str) -> Callable[[Scene], None]:
    url = arguments.one(rest, "is streamed to", "part of a web socket's address")
    return lambda scene: _none(scene.call.is_streamed_to(url))


def _stream_ends(rest: str, *, lost: bool = False) -> Callable[[Scene], None]:
    arguments.nothing(rest, "stream is lost" if lost else "stream ends")
    return lambda scene: _none(scene.call.end_stream(lost=lost))


def _hung_up(rest: str) -> Callable[[Scene], None]:
    found = re.fullmatch(r"(?:([0-9]{1,4})\b)?\s*(?:by\s+(.+))?", rest.strip())
    if found is None:
        raise ValueError("`is hung up` may add a code and by whom, as `is hung up 4010 by Plivo`")
    code, by = int(found[1]) if found[1] else None, found[2] or ""
    return lambda scene: _none(scene.call.is_hung_up(code, by))


def _live(rest: str) -> Callable[[Scene], None]:
    arguments.nothing(rest, "is not hung up")
    return lambda scene: _none(scene.call.is_not_hung_up())


def _hangs_up(rest: str) -> Callable[[Scene], None]:
    arguments.nothing(rest, "hangs up")
    return lambda scene: _none(scene.call.hang_up())


def _wait(rest: str) -> Callable[[Scene], None]:
    seconds = arguments.seconds(rest.strip(), "wait")
    return lambda scene: scene.phone.wait(seconds)


def _fault(rest: str) -> Callable[[Scene], None]:
    given: dict[str, Any] = dict(arguments.assignments(arguments.split(rest)))
    if ("web" in given) == ("rest" in given):
        raise ValueError("`fault` takes web=KIND or rest=KIND, as `fault web=timeout`")
    for name in ("count", "seconds"):
        if name in given:
            given[name] = arguments.seconds(given[name], name)
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
    "is streamed to": _streamed,
    "stream ends": _stream_ends,
    "stream is lost": partial(_stream_ends, lost=True),
    "is hung up": _hung_up,
    "is not hung up": _live,
    "hangs up": _hangs_up,
    "transfer": _transfer,
    "next": _next,
    "wait": _wait,
    "fault": _fault,
}


_VERBS = [  # the longest first: `is hung up` before `is`
    (verb, re.compile(r"\s+".join(verb.split()) + r"(?=\s|$)")) for verb in sorted(VERBS, key=len, reverse=True)
]
_OF_NOBODY = ("number", "wait", "fault", "next")
_BEGINNINGS = {"dial": "caller", "place": "callee"}  # and what whoever is named before it is there


def _read_step(line: str) -> Callable[[Scene], None]:
    named = _WHO.match(line)
    who, rest = (named[1], line[named.end() :]) if named else ("", line)
    for verb, pattern in _VERBS:
        found = pattern.match(rest)
        if found:
            if who and verb in _OF_NOBODY:
                raise ValueError(f"`{verb}` is not about anybody: write it without {who}")
            if who and verb in _BEGINNINGS:
                rest += f" {_BEGINNINGS[verb]}={who}"
            do = VERBS[verb](rest[found.end() :])
            return lambda scene: _as(scene, who, do)
    if _WHO.match(f"{rest} "):
        raise ValueError(f"who does is said, and not what: {rest} hangs up, for instance")
    first = rest.split()[0][:40]
    close = difflib.get_close_matches(first, VERBS) or difflib.get_close_matches(rest[:40], VERBS, 1, 0.4)
    hint = f"did you mean `{close[0]}`?" if close else f"a step is one of: {', '.join(VERBS)}"
    if first.isdigit():
        hint = "a number has its plus"
    raise ValueError(f"no such step: {first!r}; {hint}")


def _as(scene: Scene, who: str, do: Callable[[Scene], None]) -> None:
    scene.who = who
    do(scene)


def _none(_: object) -> None:
    """A step's outcome is that it came true."""
