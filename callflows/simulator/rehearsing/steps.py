"""The steps of a scenario. Each reads the rest of its line and gives what is to be done."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from . import arguments
from .call import Call
from .phone import Phone
from .wording import Unmet

_ROOM = re.compile(r"\{room([0-9]{0,2})\}")
_WHO = re.compile(r"(\+[0-9]{7,15}|sips?:\S+)\s+")


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


def read_step(line: str) -> Callable[[Scene], None]:
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
