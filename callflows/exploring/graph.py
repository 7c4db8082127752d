"""A flow as a picture: its steps, what leads from one to the other, and where callers are left without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..documents import TEXT, Verb
from ..documents.rules import INPUT
from ..flows.catalog import ENTRY_STEPS
from ..flows.picture.graph import Edge, Graph, Node
from ..flows.trying.reach import reach_of
from ..flows.trying.sampling import SAMPLE_TRANSFER
from ..models import EventKind
from .rules import asked_for, leads
from .walk import Exploration, Seen

_BY_ATTRIBUTE = {
    "dialMusic": "dial music",
    "confirmSound": "confirm",
    "waitSound": "wait music",
    "enterSound": "enter sound",
    "exitSound": "exit sound",
}
_BY_VERB = {
    "Dial": "dial ended",
    "Record": "recorded",
    "Conference": "left the room",
    **dict.fromkeys(INPUT, "input"),
}
_ALWAYS = "then"
_ROOMS = ("Conference", "MultiPartyCall")
_OWN_ROOM = f"transfer-{SAMPLE_TRANSFER}"


def graph_of(exploration: Exploration) -> Graph:
    flow = exploration.flow
    labels: dict[tuple[str, str], dict[str, None]] = {}
    foreign: dict[str, None] = {}
    for seen in _likely(exploration):
        for verb, name, _, target in leads(seen):
            to = target.step if target.flow == flow.name else f"{target.flow}/{target.step}"
            if target.flow != flow.name:
                foreign[to] = None
            labels.setdefault((seen.step.name, to), {})[_label(exploration, seen, verb, name)] = None
    edges = [Edge(source, target, _told(found)) for (source, target), found in labels.items()]
    reached = _reachable(exploration.entries, edges)
    nodes = [
        Node(
            name,
            title="fallback" if name == flow.manifest.fallback else "",
            entry=name in ENTRY_STEPS,
            kind=step.kind,
            dead_end=_dead_end(exploration, name) if step.kind == "call" else "",
            unreachable=name not in reached,
            ends=tuple(dict.fromkeys(end for seen in _of(exploration, name) for end in _ends(seen.verbs))),
        )
        for name, step in flow.steps.items()
    ]
    nodes += [Node(name, kind="flow") for name in foreign]
    return Graph(flow.name, flow.manifest.title, tuple(nodes), tuple(edges))


def _of(exploration: Exploration, step: str) -> Iterator[Seen]:
    return (seen for seen in exploration.seen if seen.step.name == step)


def _likely(exploration: Exploration) -> Iterator[Seen]:
    """Without the requests a step is never asked with: a step that a Dial's action names is always told its outcome.
    It was tried without, because it can be named by a transfer."""
    asked, _ = asked_for(exploration)
    tried = {(seen.step.name, seen.sample.event.kind) for seen in exploration.seen}
    for seen in exploration.seen:
        kinds = asked.get(seen.step.name, set())
        was_tried = any((seen.step.name, kind) in tried for kind in kinds)
        if seen.sample.event.kind in kinds or not was_tried:
            yield seen


def _label(exploration: Exploration, seen: Seen, verb: Verb, name: str) -> str:
    if name in _BY_ATTRIBUTE:
        return _BY_ATTRIBUTE[name]
    if name == TEXT:
        return _news(exploration, seen) or _ALWAYS
    return _BY_VERB.get(verb.tag, name)


def _news(exploration: Exploration, seen: Seen) -> str:
    """What the platform tells, in a word."""
    event = seen.sample.event
    if event.kind is not EventKind.INPUT:
        return event.dial.status
    known = reach_of(exploration.flow.environment, seen.step.template(seen.provider)[0])
    digits, speech = event.input.digits, event.input.speech
    if digits:
        constants = [str(one) for one in known.constants("input.digits")]
        return digits if any(digits in one for one in constants) else "other keys"
    if speech:
        return f"“{speech}”" if speech in known.constants("input.speech") else "other words"
    return "no input"


def _told(labels: Iterable[str]) -> tuple[str, ...]:
    """Where it is so without any news, the news that make no difference are not told."""
    found = list(labels)
    return (_ALWAYS,) if _ALWAYS in found else tuple(found)


def _reachable(entries: Iterable[str], edges: Iterable[Edge]) -> set[str]:
    found = set(entries)
    onward: dict[str, list[str]] = {}
    for edge in edges:
        onward.setdefault(edge.source, []).append(edge.target)
    waiting = list(found)
    while waiting:
        for target in onward.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _dead_end(exploration: Exploration, step: str) -> str:
    """Where the document runs out and the platform hangs up (4010)."""
    documents = [seen for seen in _of(exploration, step) if seen.composed.text]
    empty = [seen for seen in documents if not seen.verbs and seen.sample.event.dial.status != "completed"]
    if empty:
        return "nothing is said"
    if any(_runs_out(seen.verbs) for seen in documents if seen.verbs):
        return "the document runs out"
    return ""


def _runs_out(verbs: tuple[Verb, ...]) -> bool:
    last = verbs[-1]
    if last.tag in ("Redirect", "Hangup") or last.attributes.get("loop") == "0":
        return False
    if last.tag in _ROOMS:
        return False  # whoever leaves a room has been heard
    if last.tag in ("Dial", "Record") and "action" in last.attributes:
        return last.attributes.get("redirect") == "false"
    return not (last.tag == "Stream" and last.attributes.get("keepCallAlive") == "true")


def _ends(verbs: tuple[Verb, ...]) -> Iterator[str]:
    for verb in verbs:
        if verb.tag == "Hangup":
            yield "hang up"
        elif verb.tag == "Dial":
            targets = [child.text for child in verb.children if child.tag in ("Number", "User")] or [verb.text]
            yield from (f"dials {target}" for target in targets)
        elif verb.tag in _ROOMS:
            yield "conference " + verb.text.replace(_OWN_ROOM, "of the transfer")
        elif verb.tag == "Stream":
            yield "audio stream"
