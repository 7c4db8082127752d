"""What a flow does, found by trying: every step, for every provider, over the requests that matter, its links followed
with the state they carry. `flows check`, publishing and `flows graph` look at what comes of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..compose import SLOW, Case, Composed, Composer
from ..documents import DIALECTS, Verb, Verdict, outline
from ..documents.rules import RULES
from ..flows import Branch, Flow, Step, branches
from ..flows.catalog import ENTRY_STEPS
from ..flows.context import CONTEXT
from ..flows.trying.needs import undeclared, unneeded
from ..flows.trying.never import hidden, impossible, unused_params
from ..flows.trying.outside import unused
from ..flows.trying.reach import Reach, parts_of, reach_of
from ..flows.trying.sampling import DRAWS, LIMIT, SAMPLE_TRANSFER, Sample, samples
from ..models import Leg, Problem, Severity, errors_in
from ..signing import Scalar, Token
from ..suggest import did_you_mean
from . import rules

MOST_STATES = 4  # states a step is tried with, of those links to it carry
MOST_TELLING = 12  # and in all, where the step compares with what is in them
SECONDS = 20.0  # of this thread's own work, for one flow; the shipped ones take a second at most
SEEKING = 1.0  # and for its branches that were not reached

State = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link of ours leads. `step` is empty for events and audio."""

    flow: str = ""
    step: str = ""
    state: State = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """One document that was tried. `verbs` is empty also where none came to be; `composed` says why."""

    case: Case
    sample: Sample
    composed: Composed
    verbs: tuple[Verb, ...]

    @property
    def step(self) -> Step:
        return self.case.step

    @property
    def provider(self) -> str:
        return self.case.provider

    def target(self, index: int) -> Target:
        path, token = self.composed.links.tokens[index]
        parts = path.split("/")
        if len(parts) == 5 and parts[1] == "flows":
            return Target(parts[3], parts[4], token.state)
        return Target()


@dataclass(slots=True)
class Exploration:
    """`problems` holds each mistake once, whatever the number of requests that show it."""

    composer: Composer
    flow: Flow
    among: Mapping[str, Flow]
    providers: Sequence[str]
    seen: list[Seen] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _verdicts: dict[object, Verdict] = field(default_factory=dict)
    _outlines: dict[str, tuple[Verb, ...]] = field(default_factory=dict)
    _told: set[tuple[object, ...]] = field(default_factory=set)
    _unreached: set[Branch] = field(default_factory=set)
    _ran: set[Branch] = field(default_factory=set)
    _visits: list[tuple[str, str, State]] = field(default_factory=list)
    _tried: set[object] = field(default_factory=set)
    _parts: dict[str, Mapping[tuple[str, str], object]] = field(default_factory=dict)
    _drawn: dict[object, list[Sample]] = field(default_factory=dict)
    _different: dict[object, list[Sample]] = field(default_factory=dict)

    @property
    def entries(self) -> list[str]:
        """Where a call may come in."""
        return [name for name in self.flow.steps if name in ENTRY_STEPS or name == self.flow.manifest.fallback]

    def tell(self, problems: Iterable[Problem], label: str = "") -> None:
        """`label` says in which case they were found; it is told where they were not found without."""
        for problem in problems:
            message = problem.message
            if problem.code == "template.undefined" and problem.column:
                message = ""  # what is looked up there may be another name each time: `words[dial.status]`
            what = (problem.file, problem.line, problem.column, problem.code, message)
            if what not in self._told:
                self._told.add(what)
                found = f" (found when {label})" if label else ""
                self.problems.append(replace(problem, message=problem.message + found))

    def place(self, seen: Seen, index: int, problem: Problem) -> Problem:
        """The problem, with the place in the templates where that link is written."""
        traced = seen.case.trace()
        offset = traced.text.find(seen.composed.links.mark(index)) if index >= 0 else 0
        place = traced.place(max(offset, 0))
        return replace(problem, file=place.file, line=place.line, column=place.column, source=place.source)

    def run(self, known_providers: Sequence[str]) -> None:
        files = [name for name in self.flow.environment.sources if name.startswith(f"{self.flow.name}/")]
        broken = {problem.file for problem in errors_in(self.flow.problems)}
        for file in files:
            if file not in broken:
                self._unreached |= branches(self.flow.environment, file)
        until = time.thread_time() + SECONDS
        for provider in self.providers:
            self._walk(provider, broken, until)
        self._seek(min(until, time.thread_time() + SEEKING))
        never = impossible(self.flow, known_providers)
        self.tell([*never, *hidden(self.flow, (*CONTEXT, *self.flow.manifest.context))])
        self.tell([*unused_params(self.flow), *unused(self.flow), *undeclared(self.flow), *unneeded(self.flow)])
        if not errors_in(self.problems):
            told = {(problem.file, problem.line) for problem in never}
            self.tell(problem for problem in self._never_reached() if (problem.file, problem.line) not in told)

    def _walk(self, provider: str, broken: set[str], until: float) -> None:
        steps = self.flow.steps
        reached = {name: reach_of(self.flow.environment, step.template(provider)[0]) for name, step in steps.items()}
        known: dict[str, list[object]] = {name: [] for name in steps}
        told: dict[str, set[object]] = {name: set() for name in steps}
        by_provider = any(sample.provider for sample in self.flow.manifest.samples)
        waiting: list[tuple[str, State]] = [(name, {}) for name in self.entries]
        rest = [name for name in steps if name not in self.entries]
        while waiting or rest:
            if not waiting:  # nothing leads there, or only what was not tried: it is tried on its own
                name = rest.pop(0)
                if known[name]:
                    continue
                waiting.append((name, {}))
            name, state = waiting.pop(0)
            # A step that does not look at its state only carries it on: then the names in it are enough to know.
            same: object = dict(state) if reached[name].uses_any("state") else set(state)
            telling = _telling(state, reached[name])
            most = MOST_STATES if telling in told[name] else MOST_TELLING
            if same in known[name] or len(known[name]) >= most:
                continue
            known[name].append(same)
            told[name].add(telling)
            if steps[name].template(provider)[0] in broken:
                continue
            self._visits.append((provider, name, state))
            limit = LIMIT if len(known[name]) == 1 else LIMIT // 4  # what else is carried tells little more
            same_elsewhere = (steps[name].template(provider)[0], frozenset(state.items()))
            before = len(self.seen)
            wanted = self._samples(name, provider, state, limit)
            for sample in self._different.get(same_elsewhere, wanted):
                if time.thread_time() > until:
                    message = f"was tried for {SECONDS:g} s; not all requests that matter were"
                    self.tell([Problem(Severity.WARNING, "flow.slow", message, self.flow.name)])
                    return
                seen = self._try(steps[name], provider, sample)
                if seen is None:
                    continue
                for index in range(len(seen.composed.links.tokens)):
                    target = seen.target(index)
                    if target.flow == self.flow.name and target.step in steps:
                        waiting.append((target.step, target.state))
            if not (by_provider or reached[name].uses_any("provider") or reached[name].uses_any("raw")):
                self._different.setdefault(same_elsewhere, _different(self.seen[before:]))

    def _samples(self, name: str, provider: str, state: State, limit: int) -> list[Sample]:
        """The same for every provider, unless the author says otherwise."""
        provider_matters = any(spec.provider for spec in self.flow.manifest.samples)
        template = self.flow.steps[name].template(provider)[0]
        known = (name, template, provider if provider_matters else "", repr(sorted(state.items())), limit)
        if known not in self._drawn:
            self._drawn[known] = samples(self.flow, name, provider, states=(state,), limit=limit)
        return self._drawn[known]

    def _try(self, step: Step, provider: str, sample: Sample) -> Seen | None:
        """None where it was tried before."""
        if (provider, step.name, sample.key) in self._tried:
            return None
        self._tried.add((provider, step.name, sample.key))
        token = Token(
            call_uuid=sample.event.call.uuid,
            transfer_id=SAMPLE_TRANSFER if sample.transfer else "",
            leg=sample.leg or (Leg.B if step.name == Leg.B else Leg.A),
            params=dict(sample.params),
            state=dict(sample.state),
            version=self.flow.version,
        )
        case = Case(
            self.composer,
            self.flow,
            step,
            provider,
            sample.event,
            token,
            sampled=True,
            among=self.among,
            now=sample.now or datetime.now(UTC),
            stored=sample.stored,
            application=sample.application,
        )
        started = time.thread_time()
        composed = case.compose(known=self._verdicts)
        if composed.text and time.thread_time() - started > self.composer.settings.deadline / 2 * SLOW:
            self.tell(filter(None, [case.slow()]), sample.label)
        if composed.text not in self._outlines:
            composed, _ = self.composer.seal(composed)  # a link may be too long
            self._outlines[composed.text] = outline(composed.text) if composed.text else ()
        self.tell((problem for problem in composed.problems if not self._follows(problem, step)), sample.label)
        seen = Seen(case, sample, composed, self._outlines[composed.text])
        self.seen.append(seen)
        if self._has_unreached(case.template):
            traced = case.trace()
            self._unreached -= traced.reached
            self._ran |= traced.reached
        return seen

    def _has_unreached(self, template: str) -> bool:
        """Whether one of them is where this template may come to."""
        facts = self.flow.environment.facts
        if self._unreached and template not in self._parts:
            self._parts[template] = parts_of(facts, template)
        return any(
            (branch.file, branch.macro if branch.macro in facts[branch.file].parts else "") in self._parts[template]
            for branch in self._unreached
        )

    def _seek(self, until: float) -> None:
        """Branches that need more to come together than pairs of changes are looked for where they may be."""
        for provider, name, state in self._visits:
            step = self.flow.steps[name]
            template, _ = step.template(provider)
            if not self._has_unreached(template):
                continue
            for sample in samples(self.flow, name, provider, states=(state,), draws=DRAWS):
                if time.thread_time() > until or not self._has_unreached(template):
                    break
                self._try(step, provider, sample)

    def _follows(self, problem: Problem, step: Step) -> bool:
        """Whether a problem is only there because of another, or because a document cannot know its step."""
        if problem.code == "rule.dial-first":  # later steps come to calls that were answered
            return step.name not in ENTRY_STEPS
        if problem.code != "template.undefined" or self.flow.manifest_complete:
            return False
        name = re.match(r"'(\w+)' is undefined", problem.message)
        return "params." in problem.source or (name is not None and self.flow.places.has(("context", name[1])))

    def _never_reached(self) -> list[Problem]:
        ran = {branch.macro for branch in self._ran}
        hint = "add a request that does under [[samples]] in flow.toml, or remove it"
        return [
            Problem(
                Severity.WARNING,
                "template.unreached",
                f"no request that was tried reaches {branch.text}",
                branch.file,
                branch.line,
                hint,
            )
            for branch in sorted(self._unreached, key=lambda branch: (branch.file, branch.line))
            if not branch.macro or branch.macro in ran
        ]


def _different(seen: Iterable[Seen]) -> list[Sample]:
    """One request for each document. Where a template cannot tell the providers apart, another one need not be shown
    more: what differs there is what becomes of the document."""
    found: dict[object, Sample] = {}
    for one in seen:
        links = tuple((path, frozenset(token.state.items())) for path, token in one.composed.links.tokens)
        event = one.sample.event
        found.setdefault((one.composed.text, links, event.kind, event.dial.status), one.sample)
    return list(found.values())


def _telling(state: State, reached: Reach) -> object:
    """What a step can tell apart in its state: values it compares with, and of others whether there is something."""
    return frozenset(
        (key, value if value in reached.constants(f"state.{key}") else bool(value))
        for key, value in state.items()
        if reached.uses_any(f"state.{key}")
    )


def explore(composer: Composer, flow: Flow, providers: Sequence[str], among: Mapping[str, Flow] = {}) -> Exploration:
    """Every problem of every step for every provider the flow is for.

    What cannot be told from the files alone (PUBLIC_URL, the calls' numbers) is not held against the flow.
    """
    found = Exploration(composer, flow, among, flow.manifest.providers or providers)
    found.tell(flow.problems)
    found.tell([*_unknown_providers(flow, providers), *_cannot_be_accepted(flow)])
    found.providers = [name for name in found.providers if name in providers]
    found.run(providers)
    for problem in rules.examine(found):
        if problem.severity is Severity.ERROR or problem.code not in flow.manifest.accept:
            found.tell([problem])
    found.problems.sort(key=lambda problem: (problem.file, problem.line or 0, problem.column or 0))
    return found


def _cannot_be_accepted(flow: Flow) -> Iterator[Problem]:
    lists = (RULES, rules.RULES, *(dialect.rules for dialect in DIALECTS.values()))
    severities = {rule.id: rule.severity for some in lists for rule in some}
    for index, id in enumerate(flow.manifest.accept):
        if severities.get(id) is Severity.WARNING:
            continue
        message = f"{id} is an error, and cannot be accepted" if id in severities else f"there is no rule {id!r}"
        hint = did_you_mean(id, severities, "`callflows rules` lists them") if id not in severities else "mend it"
        problem = Problem.error("flow.accept", message, f"{flow.name}/flow.toml", hint=hint)
        yield flow.places.problem(problem, ("accept", index), value=True)


@dataclass(frozen=True, slots=True)
class Checked:
    """`looked_at`: the other flows that the flow leads to, whether they are there or not."""

    problems: list[Problem]
    looked_at: frozenset[str]


class _LookedUp(dict[str, Flow]):
    def __init__(self, flows: Mapping[str, Flow]) -> None:
        super().__init__(flows)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def check(composer: Composer, flow: Flow, providers: Sequence[str], among: Mapping[str, Flow] = {}) -> Checked:
    """explore(), for whoever wants to know whether the flow may go live, and with which others."""
    others = _LookedUp(among)
    problems = explore(composer, flow, providers, others).problems
    return Checked(problems, frozenset(others.names - {flow.name}))


def _unknown_providers(flow: Flow, providers: Sequence[str]) -> Iterator[Problem]:
    def unknown(name: str, file: str) -> Problem:
        hint = did_you_mean(name, providers, f"known: {', '.join(providers)}")
        return Problem.error("flow.provider", f"unknown provider {name!r}", file, hint=hint)

    for index, name in enumerate(flow.manifest.providers):
        if name not in providers:
            problem = unknown(name, f"{flow.name}/flow.toml")
            yield flow.places.problem(problem, ("providers", index), value=True)
    for step in flow.steps.values():
        yield from (unknown(name, file) for name, file in step.templates.items() if name and name not in providers)
