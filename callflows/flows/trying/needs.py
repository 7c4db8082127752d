"""Steps whose templates use what is read from the store, and whether flow.toml says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...models import Problem, Severity
from ..catalog import Flow, Step, rows_of
from ..toml_places import placed
from .reach import reach, templates_of

FROM_STORE = ("other_leg_fetched", "other_leg_ended", "room_occupied")  # of `transfer`


def undeclared(flow: Flow) -> list[Problem]:
    """An error for each name in each file that a step without the need uses: it is always empty there."""
    problems: dict[tuple[str, str], Problem] = {}
    for step in flow.steps.values():
        if "store" in step.needs or not flow.manifest_complete:
            continue
        for name, files in _used(flow, step, guessing=False):
            file, line = _place(flow, files, name)
            message = f"transfer.{name} is always empty in the step {step.name}, which does not need the store"
            problem = Problem.error(
                "flow.needs", message, file, hint=f'add to flow.toml: [steps.{step.name}] needs = ["store"]'
            )
            rows = rows_of(flow.texts.get(file, ""))
            row = rows[line - 1] if 0 < line <= len(rows) else ""
            found = re.search(rf"\b{name}\b", row)
            where = placed(problem, rows, line, found.start() + 1 if found else None) if line else problem
            problems.setdefault((step.name, name), where)
    return list(problems.values())


def unneeded(flow: Flow) -> Iterator[Problem]:
    """A warning for each step that is read for, and uses nothing of it."""
    for step in flow.steps.values():
        if "store" in step.needs and not any(_used(flow, step, guessing=True)):
            message = f"no template of the step {step.name} uses what is read from the store"
            hint = f"it is transfer.{' and transfer.'.join(FROM_STORE)}; remove needs, or use them"
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
            if f"transfer.{name}" in reached.uses or (guessing and "transfer" in reached.uses):
                yield name, templates_of(facts, template)


def _place(flow: Flow, files: list[str], name: str) -> tuple[str, int]:
    """The file and line; 0 where no line can be told."""
    for file in files:
        facts = flow.environment.facts[file]
        lines = [line for path, line in facts.lines.items() if path.endswith(f".{name}")]
        if lines:
            return file, min(lines)
    return files[0], 0
