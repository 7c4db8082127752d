"""What the tests of a session made callers meet: steps served, branches of templates taken, results of Dials seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..compose import Case, Composed
from ..documents import outline
from ..flow_site import FlowSite
from ..flows import Flow, branches
from ..flows.sources import SHARED
from ..flows.trying.sampling import DIAL_STATUSES
from ..simulator.rehearsing import Phone


@dataclass
class FlowCoverage:
    """Of one flow. A branch is its place, `FILE:LINE:COLUMN`; `results` are per step that a Dial reports to."""

    steps: dict[str, set[str]] = field(default_factory=dict)  # step -> platforms it was served to
    branches: dict[str, str] = field(default_factory=dict)  # place -> the deciding tag
    reached: set[str] = field(default_factory=set)
    results: dict[str, set[str]] = field(default_factory=dict)

    def missing(self) -> Iterator[str]:
        for step, platforms in self.steps.items():
            if not platforms:
                yield f"step {step} was served to nobody"
        for place, text in self.branches.items():
            if place not in self.reached:
                yield f"{place.rpartition(':')[0]} was not taken: {text}"
        for step, seen in self.results.items():
            unseen = [status for status in DIAL_STATUSES if status not in seen]
            if unseen:
                yield f"step {step} was not told that a Dial ended with {', '.join(unseen)}"

    def counts(self) -> dict[str, tuple[int, int]]:
        """What -> how many of how many."""
        return {
            "steps": (sum(map(bool, self.steps.values())), len(self.steps)),
            "branches": (len(self.reached), len(self.branches)),
            "dial results": (sum(map(len, self.results.values())), len(self.results) * len(DIAL_STATUSES)),
        }


@dataclass
class Coverage:
    flows: dict[str, FlowCoverage] = field(default_factory=dict)
    _cases: list[tuple[Case, Composed]] = field(default_factory=list)

    def watch(self, case: Case, composed: Composed) -> None:
        """One document that was served. What it took is looked at later: a call in the making is not held up."""
        self._cases.append((case, composed))

    def expect(self, flows: Iterable[Flow | None]) -> None:
        """Flows that count even when no test ever calls them."""
        for flow in flows:
            if flow is not None:
                self._flow(flow)

    def visited(self, phone: Phone) -> None:
        """What a test's phone met of a web application that is not made of flows: its pages."""
        if isinstance(phone.site, FlowSite):
            return
        pages = self.flows.setdefault("web application", FlowCoverage())
        for entry in phone.simulator.platform.transcript.entries:
            if entry.kind != "fetch" or entry.details["purpose"] == "callback":
                continue
            path = urlsplit(entry.details["url"]).path
            pages.steps.setdefault(path, set()).add(phone.provider)
            if entry.details.get("dial_status"):
                pages.results.setdefault(path, set()).add(entry.details["dial_status"])

    def settle(self) -> None:
        """Look at everything served so far."""
        cases, self._cases = self._cases, []
        for case, composed in cases:
            found = self._flow(case.flow)
            found.steps.setdefault(case.step.name, set()).add(case.provider)
            result = case.event.dial.status
            if result:
                found.results.setdefault(case.step.name, set()).add(result)
            if case.template:
                reached = {_place(branch) for branch in case.trace().reached}
                for owner in (found, self.flows.get(SHARED, found)):
                    owner.reached |= reached & owner.branches.keys()
            for flow, step in _dial_actions(composed):
                if flow in self.flows:
                    self.flows[flow].results.setdefault(step, set())

    def _flow(self, flow: Flow) -> FlowCoverage:
        found = self.flows.get(flow.name)
        if found is None:
            found = self.flows[flow.name] = FlowCoverage({name: set() for name in flow.steps})
            for file in flow.environment.sources:
                ordered = sorted(branches(flow.environment, file), key=lambda b: (b.line, b.column))
                if ordered:
                    own = file.startswith(f"{flow.name}/")
                    owner = found if own else self.flows.setdefault(SHARED, FlowCoverage())
                    owner.branches |= {_place(branch): branch.text for branch in ordered}
        return found

    # -- between processes (pytest-xdist), and into a file

    def as_dict(self) -> dict[str, Any]:
        self.settle()
        return {
            name: {
                "steps": {step: sorted(platforms) for step, platforms in flow.steps.items()},
                "branches": {
                    place: {"text": text, "taken": place in flow.reached} for place, text in flow.branches.items()
                },
                "dial_results": {step: sorted(seen) for step, seen in flow.results.items()},
            }
            for name, flow in sorted(self.flows.items())
        }

    def merge(self, other: Mapping[str, Any]) -> None:
        for name, seen in other.items():
            flow = self.flows.setdefault(name, FlowCoverage())
            for step, platforms in seen["steps"].items():
                flow.steps.setdefault(step, set()).update(platforms)
            for place, branch in seen["branches"].items():
                flow.branches[place] = branch["text"]
                flow.reached |= {place} if branch["taken"] else set()
            for step, results in seen["dial_results"].items():
                flow.results.setdefault(step, set()).update(results)

    def report(self) -> list[str]:
        self.settle()
        lines = []
        width = max(map(len, self.flows), default=0)
        for name, flow in sorted(self.flows.items()):
            counts = [f"{what} {some}/{all_}" for what, (some, all_) in flow.counts().items() if all_]
            lines.append(f"{name:<{width}}  {', '.join(counts)}")
            lines += [f"{'':<{width}}    {missing}" for missing in flow.missing()]
        return lines


def _place(branch: Any) -> str:
    return f"{branch.file}:{branch.line}:{branch.column}"


def _dial_actions(composed: Composed) -> Iterator[tuple[str, str]]:
    """The steps of ours that Dials in a document report to."""
    for verb in outline(composed.text) if composed.text else ():
        if verb.tag == "Dial" and "action" in verb.links:
            parts = composed.links.tokens[verb.links["action"]][0].split("/")
            if len(parts) == 5 and parts[1] == "flows":
                yield parts[3], parts[4]
