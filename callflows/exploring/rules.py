"""Rules about a flow as a whole: what its steps do to each other. A list, like those about one document
(documents/rules); each looks at what exploring the flow has shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..documents import TEXT, Rule
from ..documents.rules import INPUT
from ..flows.trying.dimensions import MANY
from ..flows.trying.sampling import DIAL_STATUSES
from ..models import EventKind, Problem, Severity

if TYPE_CHECKING:
    from ..documents import Verb
    from ..signing import Scalar
    from .walk import Exploration, Seen, Target

SOUND_ATTRIBUTES = ("confirmSound", "dialMusic", "waitSound", "enterSound", "exitSound")
TAKES_TIME = frozenset(
    ("Speak", "Play", "Wait", "GetInput", "GetDigits", "Gather", "Dial", "Record", "Conference", "MultiPartyCall",
     "Stream", "PreAnswer")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """`link`: index of the link in the document where the fault shows; -1 for the document as such."""

    seen: Seen
    message: str
    link: int = -1
    hint: str = ""


RULES: list[Rule] = []


def rule(
    id: str, *, what: str, hint: str, source: str, good: str, bad: str, severity: Severity = Severity.ERROR
) -> Callable[[Callable[[Exploration], Iterator[Fault]]], Callable[[Exploration], Iterator[Fault]]]:
    """Puts the function into the list. `good` and `bad` are lines of a template."""

    def add(find: Callable[[Exploration], Iterator[Fault]]) -> Callable[[Exploration], Iterator[Fault]]:
        RULES.append(Rule(id=id, severity=severity, hint=hint, source=source, good=good, bad=bad, find=find, what=what))
        return find

    return add


def examine(exploration: Exploration) -> Iterator[Problem]:
    told: set[tuple[object, ...]] = set()
    for one in RULES:
        for fault in one.find(exploration) if one.find else ():
            what = (one.id, fault.message, fault.seen.step.name)
            if what not in told:
                told.add(what)
                problem = Problem(one.severity, one.id, fault.message, hint=fault.hint or one.hint)
                yield exploration.place(fault.seen, fault.link, problem)


def leads(seen: Seen) -> Iterator[tuple[Verb, str, int, Target]]:
    """Every link of ours in a document: its verb and attribute (or `#text`), its index, and where it leads."""
    for verb in seen.verbs:
        for part in verb.all():
            for name, index in part.links.items():
                target = seen.target(index)
                if target.step:
                    yield part, name, index, target


def _kind(exploration: Exploration, target: Target) -> str:
    flow = exploration.flow
    if target.flow != flow.name:
        found = exploration.among.get(target.flow) or exploration.composer.versions.live(target.flow)
        if found is None:
            return ""
        flow = found
    return flow.steps[target.step].kind if target.step in flow.steps else ""


@rule("rule.sound-target",
      what="dialMusic, confirmSound or waitSound leads to a step that is not of kind sound",
      source="plivo.md 1.6, 1.7; vobiz.md 1.2: only Play, Wait and Speak are run",
      hint='make it a step of kind sound: [steps.NAME] kind = "sound" in flow.toml',
      good='<Dial dialMusic="real"><Number>+14155550123</Number></Dial>',
      bad="<Dial dialMusic=\"{{ step_url('aleg') }}\"><Number>+14155550123</Number></Dial>")  # fmt: skip
def sound_target(exploration: Exploration) -> Iterator[Fault]:
    for seen in exploration.seen:
        for verb, name, index, target in leads(seen):
            if name in SOUND_ATTRIBUTES and _kind(exploration, target) == "call":
                message = f"{verb.tag} {name} leads to the step {target.step}, which is not of kind sound"
                hint = f'add [steps.{target.step}] with kind = "sound" to flow.toml, or name another step'
                yield Fault(seen, message, index, hint)


@rule("rule.sound-step",
      what="Redirect or action leads to a step of kind sound, and the call ends after it",
      source="design: a sound step holds Play, Wait and Speak only, and the call ends after it",
      hint="name a step of kind call", severity=Severity.WARNING,
      good="<Redirect>{{ step_url('aleg', round=1) }}</Redirect>",
      bad="<Redirect>{{ step_url('music') }}</Redirect>")  # fmt: skip
def sound_step(exploration: Exploration) -> Iterator[Fault]:
    for seen in exploration.seen:
        for verb, name, index, target in leads(seen):
            if (name == "action" or (verb.tag, name) == ("Redirect", TEXT)) and _kind(exploration, target) == "sound":
                message = f"{verb.tag} leads to the step {target.step}, which is of kind sound: the call ends after it"
                yield Fault(seen, message, index)


def _replaces(verb: Verb) -> bool:
    """Whether the answer to the verb's `action` becomes the caller's document."""
    return verb.attributes.get("redirect", "true") != "false"


@rule("rule.dial-status",
      what="the step that a Dial's action names does nothing for some outcome",
      source="plivo.md 3.2 (DialStatus), 1.0: an empty document ends the call",
      hint="say something, dial again or redirect in an {% else %}", severity=Severity.WARNING,
      good="{% if dial.status == 'completed' %}<Hangup/>{% else %}<Speak>Nobody is free.</Speak>{% endif %}",
      bad="{% if dial.status == 'completed' %}<Hangup/>{% endif %}")  # fmt: skip
def dial_status(exploration: Exploration) -> Iterator[Fault]:
    told = {(seen.provider, seen.step.name) for seen in exploration.seen if seen.sample.event.dial.status}
    silent: dict[tuple[str, str], list[str]] = {}
    for seen in exploration.seen:
        if not seen.verbs and seen.composed.ok:
            statuses = silent.setdefault((seen.provider, seen.step.name), [])
            status = seen.sample.event.dial.status
            statuses += [status] if status else [] if (seen.provider, seen.step.name) in told else DIAL_STATUSES
    for seen in exploration.seen:
        for verb, name, index, target in leads(seen):
            if verb.tag != "Dial" or name != "action" or not _replaces(verb) or target.flow != exploration.flow.name:
                continue
            unheard = silent.get((seen.provider, target.step), [])
            missing = [status for status in DIAL_STATUSES[1:] if status in unheard]  # after "completed" all was said
            if missing:
                message = (
                    f"{target.step} does nothing when dial.status is {', '.join(missing)}: the caller is hung up on"
                )
                yield Fault(seen, message, index)


@rule("rule.empty-document",
      what="a step gives an empty document, and the caller is hung up on without a word",
      source="plivo.md 1.0, vobiz.md 1.1: the call ends (4010)", severity=Severity.WARNING,
      hint="add an {% else %} that says something, or <Hangup/> where that is meant",
      good="{% if input.digits == '1' %}<Speak>One.</Speak>{% else %}<Hangup/>{% endif %}",
      bad="{% if input.digits == '1' %}<Speak>One.</Speak>{% endif %}")  # fmt: skip
def empty_document(exploration: Exploration) -> Iterator[Fault]:
    asked, ignored = asked_for(exploration)
    cases: dict[str, tuple[Seen, list[str]]] = {}
    for seen in exploration.seen:
        name, event = seen.step.name, seen.sample.event
        silent = not seen.verbs and seen.composed.text and seen.composed.ok and seen.step.kind == "call"
        kinds = asked.get(name, {EventKind.DOCUMENT}) - {EventKind.DIAL_RESULT}  # that is rule.dial-status's affair
        if silent and name not in ignored and event.kind in kinds:
            _, labels = cases.setdefault(name, (seen, []))
            if seen.sample.label not in labels:
                labels.append(seen.sample.label)
    for name, (seen, labels) in cases.items():
        when = "" if "" in labels else " when " + "; when ".join(labels[:3]) + (" and more" if len(labels) > 3 else "")
        yield Fault(seen, f"{name} gives an empty document{when}: the caller is hung up on without a word")


def asked_for(exploration: Exploration) -> tuple[dict[str, set[EventKind]], set[str]]:
    """With which news each step is asked for, and the steps whose answers nobody runs."""
    asked: dict[str, set[EventKind]] = {name: {EventKind.DOCUMENT} for name in exploration.entries}
    ignored: set[str] = set()
    for seen in exploration.seen:
        for verb, name, _, target in leads(seen):
            if name.lower().endswith(("callback", "callbackurl")) or (name == "action" and not _replaces(verb)):
                ignored.add(target.step)
                continue
            kinds = asked.setdefault(target.step, set())
            if name == "action" and verb.tag in INPUT:
                kinds.add(EventKind.INPUT)
            elif name == "action" and verb.tag == "Dial":
                kinds.add(EventKind.DIAL_RESULT)
            elif name == TEXT:
                kinds.add(EventKind.DOCUMENT)
    return asked, ignored - asked.keys()


def _rounds(exploration: Exploration, provider: str) -> dict[str, dict[str, tuple[Seen, int]]]:
    """Which step leads to which for ever: with the same state, or with whatever number of tries behind it."""
    edges: dict[str, dict[str, tuple[Seen, int]]] = {}
    for seen in exploration.seen:
        event = seen.sample.event
        if seen.provider != provider or event.kind not in (EventKind.DOCUMENT, EventKind.DIAL_RESULT):
            continue
        state = seen.case.token.state
        # a time in seconds is later than any number of tries, and no counter
        tries = {key: value for key, value in state.items() if type(value) is int and MANY <= value < 2 * MANY}
        for verb, name, index, target in leads(seen):
            onward = (verb.tag, name) == ("Redirect", TEXT) or (
                name == "action" and verb.tag in ("Dial", "Record") and _replaces(verb)
            )
            # a number that is only carried on, or set back, counts nothing; another counter that moves may end it
            still = any(isinstance(then := target.state.get(key), int) and then > tries[key] for key in tries)
            same = dict(target.state) == dict(state)
            apart = _without(target.state, tries) != _without(state, tries)
            if onward and target.flow == exploration.flow.name and (same or (still and not apart)):
                edges.setdefault(seen.step.name, {}).setdefault(target.step, (seen, index))
    return edges


def _without(state: Mapping[str, Scalar], keys: Collection[str]) -> dict[str, Scalar]:
    return {key: value for key, value in state.items() if key not in keys}


def _loops(edges: dict[str, dict[str, tuple[Seen, int]]]) -> Iterator[list[str]]:
    """Shortest way from each step back to itself, each loop once."""
    told: set[frozenset[str]] = set()
    for start in edges:
        ways = [[start]]
        known: set[str] = set()
        while ways:
            way = ways.pop(0)
            for step in edges.get(way[-1], {}):
                if step == start:
                    if frozenset(way) not in told:
                        told.add(frozenset(way))
                        yield way
                    ways = []
                    break
                if step not in known:
                    known.add(step)
                    ways.append([*way, step])


def _endless(exploration: Exploration, *, takes_time: bool) -> Iterator[Fault]:
    for provider in exploration.providers:
        edges = _rounds(exploration, provider)
        for way in _loops(edges):
            links = [edges[step][following] for step, following in zip(way, [*way[1:], way[0]], strict=True)]
            heard = any(verb.tag in TAKES_TIME for seen, _ in links for verb in seen.verbs)
            if heard is takes_time:
                told = "leads to itself" if len(way) == 1 else f"leads to {', '.join(way[1:])} and back"
                yield Fault(links[0][0], f"{way[0]} {told}, without end", links[0][1])


@rule("rule.redirect-cycle",
      what="steps redirect to each other without end, and nothing is heard",
      source="plivo.md 1.0 (Redirect ends the document); vobiz.md 1.3",
      hint="let the caller hear something in between, or go somewhere else",
      good="<Redirect>{{ step_url('other') }}</Redirect>",
      bad="<Redirect>{{ step_url('aleg') }}</Redirect>")  # fmt: skip
def redirect_cycle(exploration: Exploration) -> Iterator[Fault]:
    yield from _endless(exploration, takes_time=False)


@rule("rule.endless-loop",
      what="steps lead to each other without end, as a hold loop without a counter does",
      source="vobiz.md 1.3 (hold is Play and Redirect), 6 (queue with max cycles)",
      hint="count the rounds, step_url('aleg', round=state.round | default(1) + 1), and end when there are too many",
      severity=Severity.WARNING,
      good="{% if state.round | default(1) < 9 %}<Wait length=\"9\"/><Redirect>{{ step_url('aleg', "
           "round=state.round | default(1) + 1) }}</Redirect>{% else %}<Hangup/>{% endif %}",
      bad="<Wait length=\"9\"/><Redirect>{{ step_url('aleg') }}</Redirect>")  # fmt: skip
def endless_loop(exploration: Exploration) -> Iterator[Fault]:
    yield from _endless(exploration, takes_time=True)
