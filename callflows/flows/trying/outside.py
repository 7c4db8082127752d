"""What the application may give of the names that flow.toml declares, as far as a template can tell it apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ...models import Problem, Severity
from ...signing import Scalar
from ..catalog import Flow
from ..params import ParamSpec, typed
from .choices import Choice, around, constants
from .dimensions import MADE_UP, choices_of
from .reach import Reach


def of_application(flow: Flow, reach: Reach) -> list[list[Choice]]:
    """The choices beside the default, for each name that is referred to."""
    found = [list(_choices(flow, name, reach)) for name in flow.manifest.context if reach.uses_any(name)]
    return [each for each in found if each]


def unused(flow: Flow) -> Iterator[Problem]:
    """A warning for each name that no template refers to."""
    facts = flow.environment.facts
    if len(facts) < len(flow.texts) or not flow.manifest_complete:
        return
    used = {path.partition(".")[0] for each in facts.values() for path in each.uses}
    for name in flow.manifest.context:
        if name not in used:
            message, file = f"no template refers to {name}", f"{flow.name}/flow.toml"
            problem = Problem(Severity.WARNING, "flow.unused-context", message, file, hint="remove it, or use it")
            yield flow.places.problem(problem, ("context", name))


def _choices(flow: Flow, name: str, reach: Reach) -> Iterator[Choice]:
    spec = flow.manifest.context[name]
    path = f"context.{name}"
    if not isinstance(spec.default, list | dict):
        values = _scalars(flow, name, spec.default, spec.example, reach)
        yield from choices_of(name, values, lambda value: {path: value})
        return
    if spec.example is not None and spec.example != spec.default:
        yield Choice(f"{name} is as in its example", {path: spec.example})
    shown = spec.default if spec.example is None else spec.example
    whole: dict[str, Any] = shown if isinstance(shown, dict) else {}
    for key, base in whole.items():
        below = f"{name}.{key}"
        if reach.uses_any(below) and not isinstance(base, list | dict):
            values = _scalars(flow, below, base, base, reach)
            yield from choices_of(below, values, lambda value, key=key: {path: {**whole, key: value}})  # type: ignore[misc]


def _scalars(flow: Flow, path: str, default: Scalar, example: Scalar | None, reach: Reach) -> list[Scalar]:
    """Values beside the default."""
    asked = constants(path, reach, flow.manifest.params)
    values: list[Scalar]
    if isinstance(default, bool):
        values = [True, False]
    elif isinstance(default, int):
        values = [MADE_UP["integer"] if example is None else example, *around(asked)]
    else:
        texts = [each for each in asked if isinstance(each, str)]
        values = [_made_up(default) if example is None else example, *texts]
    return [value for value in dict.fromkeys(values) if value != default]


def _made_up(default: str) -> Scalar:
    """A text such as the default is: a number where that is one."""
    for kind in ("phone", "digits", "url", "sip"):
        with contextlib.suppress(ValueError):
            typed(ParamSpec.model_construct(type=kind), default)
            return MADE_UP[kind]
    return MADE_UP["text"]
