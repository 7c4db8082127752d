"""Steps whose templates use what is read from the store, and whether flow.toml says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...models import Problem, Severity
from ..catalog import Flow, Step, rows_of
from ..toml_places import placed
from .reach import reach, templates_of

FROM_STORE = (
    "transfer.other_leg_fetched",
    "transfer.other_leg_ended",
    "transfer.room_occupied",
    "queue.position",
    "queue.waiting",
    "queue.ahead",
    "queue.behind",
)


def undeclared(flow: Flow) -> list[Problem]:
    """An error for each name in each file that a step without the need uses: it is always empty there."""
    problems: dict[tuple[str, str], Problem] = {}
    for step in flow.steps.values():
        if not flow.manifest_complete:
            continue
        for name, files in _used(flow, step, guessing=False):
            lacks = _lacks(step, name)
            if lacks is None:
                continue
            file, line = _place(flow, files, name)
            message = f"{name} is always empty in the step {step.name}, which {lacks[0]}"
            problem = Problem.error(
                "flow.needs", message, file, hint=f"add to flow.toml: [steps.{step.name}] {lacks[1]}"
            )
            rows = rows_of(flow.texts.get(file, ""))
            row = rows[line - 1] if 0 < line <= len(rows) else ""
            found = re.search(rf"\b{name.partition('.')[2]}\b", row)
            where = placed(problem, rows, line, found.start() + 1 if found else None) if line else problem
            problems.setdefault((step.name, name), where)
    return list(problems.values())


def _lacks(step: Step, name: str) -> tuple[str, str] | None:
    """What the step lacks to be told this, and what to write."""
    if name.startswith("queue.") and not step.queue:
        return "is not one to wait in", 'queue = "NAME"' + ("" if "store" in step.needs else ' and needs = ["store"]')
    return None if "store" in step.needs else ("does not need the store", 'needs = ["store"]')


def unneeded(flow: Flow) -> Iterator[Problem]:
    """A warning for each step that is read for, and uses nothing of it."""
    for step in flow.steps.values():
        if "store" in step.needs and not any(_used(flow, step, guessing=True)):
            message = f"no template of the step {step.name} uses what is read from the store"
            hint = f"it is {', '.join(FROM_STORE)}; remove needs, or use them"
            problem = Problem(Severity.WARNING, "flow.unused-needs", message, f"{flow.name}/flow.toml", hint=hint)
            yield flow.places.problem(problem, ("steps", step.name, "needs"))


def _used(flow: Flow, step: Step, *, guessing: bool) -> Iterator[tuple[str, list[str]]]:
    """Which names, and the files that may say them. `guessing`: an include whose name is made may be any file."""
    facts = flow.environment.facts
    if not guessing:
        facts = {name: replace(each, dynamic=False) for name, each in facts.items()}
    for template in step.templates.values():
        reached = reach(facts, template)
        for name in FROM_STORE:
            if name in reached.uses or (guessing and name.partition(".")[0] in reached.uses):
                yield name, templates_of(facts, template)


def _place(flow: Flow, files: list[str], name: str) -> tuple[str, int]:
    """The file and line; 0 where no line can be told."""
    for file in files:
        facts = flow.environment.facts[file]
        lines = [line for path, line in facts.lines.items() if path.endswith(f".{name.partition('.')[2]}")]
        if lines:
            return file, min(lines)
    return files[0], 0
