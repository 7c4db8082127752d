"""Comparisons that can never be true: a status the platforms do not have, a choice a param does not offer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ...models import Leg, Problem, Severity
from ...suggest import did_you_mean
from ..catalog import Flow, rows_of
from ..manifest import DIAL_STATUSES
from ..queues import param_of
from ..toml_places import placed
from .facts import Compared
from .operands import Constant, Operand, Ref

_KNOWN: Mapping[str, Collection[str]] = {
    "dial.status": DIAL_STATUSES,
    "input.type": ("dtmf", "speech"),
    "call.direction": ("inbound", "outbound"),
    "leg": tuple(Leg),
}
_TEXTS = ("call", "input", "dial", "recording")


def impossible(flow: Flow, providers: Collection[str] = ()) -> list[Problem]:
    """A warning for each. `providers` are all there are; when empty, `provider` is not looked at."""
    facts = flow.environment.facts
    bound: dict[str, list[Operand]] = {}
    for each in facts.values():
        for name, operands in each.aliases.items():
            bound.setdefault(name, []).extend(operands)
        for arguments in each.macros.values():
            for name in arguments:  # whatever a caller passes: two operands are one too many to know
                bound.setdefault(name, []).extend([Operand("", 0), Operand("", 0)])
    problems = []
    for file, each in facts.items():
        rows = rows_of(flow.texts.get(file, ""))
        for compared in dict.fromkeys(each.compared):
            if found := _never(flow, compared, bound, providers):
                message, hint = found
                problem = Problem(Severity.WARNING, "template.never-equal", message, file, hint=hint)
                problems.append(placed(problem, rows, compared.line, _column(rows, compared.line, str(compared.value))))
    found_once = {(problem.file, problem.line, problem.message): problem for problem in problems}
    return sorted(found_once.values(), key=lambda problem: (problem.file, problem.line or 0, problem.column or 0))


def unused_params(flow: Flow) -> list[Problem]:
    """A warning for each param that no template refers to: most often a name that is spelt in two ways."""
    facts = flow.environment.facts
    uses = {path for each in facts.values() for path in each.uses}
    if "params" in uses or len(facts) < len(flow.texts) or not flow.manifest_complete:
        return []  # looked up by a name that is made when rendering, or not all is known
    used = {path.split(".")[1] for path in uses if path.startswith("params.")}
    used |= {"language"} if uses & {"t", "flow", "flow.language"} else set()
    used |= {param_of(step.queue) or "" for step in flow.steps.values()}
    problems = []
    for name in flow.manifest.params:
        if name not in used:
            message, file = f"no template refers to params.{name}", f"{flow.name}/flow.toml"
            problem = Problem(Severity.WARNING, "flow.unused-param", message, file, hint="remove it, or use it")
            problems.append(flow.places.problem(problem, ("params", name)))
    return problems


def hidden(flow: Flow, names: Collection[str]) -> list[Problem]:
    """A warning for each macro or variable that is called as a name of the context (`names`), and so hides it."""
    problems = []
    for file, each in flow.environment.facts.items():
        rows = rows_of(flow.texts.get(file, ""))
        for name in sorted((each.macros.keys() | each.aliases.keys()) & set(names)):
            found = next(
                (
                    n
                    for n, row in enumerate(rows, 1)
                    if re.search(rf"{{%-?\s*(macro|set|for|import|from)\b.*\b{name}\b", row)
                ),
                1,
            )
            message = f"{name} is a name of the context, and is hidden here by another one"
            problem = Problem(Severity.WARNING, "template.hides", message, file, hint="give it another name")
            problems.append(placed(problem, rows, found))
    return problems


def _never(
    flow: Flow, compared: Compared, bound: Mapping[str, Sequence[Operand]], providers: Collection[str]
) -> tuple[str, str] | None:
    value = compared.value
    if not compared.plain or compared.how not in ("equal", "member", "lookup") or isinstance(value, Ref):
        return None
    root, dot, rest = compared.path.partition(".")
    if root in bound:
        meant = bound[root][0] if len(bound[root]) == 1 else None
        if meant is None or not meant.plain or not isinstance(meant.value, Ref) or meant.how != "equal":
            return None
        path = meant.value.path + dot + rest
        if path.partition(".")[0] in bound:
            return None
        compared = replace(compared, path=path)
    path = compared.path
    root, _, name = path.partition(".")
    spec = flow.manifest.params.get(name) if root == "params" else None
    if spec is not None and spec.type in ("integer", "boolean"):
        if isinstance(value, str) and value != "":
            written = "true or false, without quotes" if spec.type == "boolean" else "the number without quotes"
            return f'{path} is of type {spec.type}, so it never equals the text "{value}"', f"compare with {written}"
        return None
    if path in ("queue.position", "queue.waiting"):
        if isinstance(value, str) and value != "":
            return (
                f'{path} is a number, so it never equals the text "{value}"',
                "write the number without quotes",
            )
        return None
    is_text = spec is not None or root in ("leg", "provider") or (root in _TEXTS and "sip_headers" not in path)
    if is_text and name and not isinstance(value, str):
        return f"{path} is text, so it never equals {_shown(value)}", f'write "{_shown(value)}"'
    known = _KNOWN.get(path, ())
    if spec is not None and spec.type == "choice":
        known = spec.choices
    elif path == "provider":
        known = providers
    if not known or value in known or value == "":
        return None
    return f"{path} is never {_shown(value)!r}", did_you_mean(str(value), known, f"it is one of {', '.join(known)}")


def _shown(value: Constant) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _column(rows: Sequence[str], line: int, value: str) -> int | None:
    row = rows[line - 1] if 0 < line <= len(rows) else ""
    match = re.search(rf"([\"']){re.escape(value)}\1", row) or re.search(rf"(?<!\w){re.escape(value)}(?!\w)", row)
    return match.start() + 1 if match else None
