"""Which queue a step's caller waits in: `queue` in flow.toml, a name or the param that has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..models import Problem
from ..signing import Scalar
from ..suggest import did_you_mean
from .sources import is_name

if TYPE_CHECKING:
    from .catalog import Flow, Step
    from .manifest import Manifest
    from .toml_places import Places

_PARAMS = "params."
_HINT = "a queue's name is lower-case letters, digits, - and _"


def param_of(queue: str) -> str | None:
    """The param that has the queue's name; None where it is written as it is."""
    name = queue.removeprefix(_PARAMS)
    return name if name and name != queue else None


def queue_of(step: Step, params: Mapping[str, Scalar]) -> str:
    """The name; "" for none: who is served this step does not wait, or the param says nothing that could be a name."""
    param = param_of(step.queue)
    name = step.queue if param is None else str(params.get(param, ""))
    return name if is_name(name) else ""


def not_a_queue(flow: Flow, params: Mapping[str, Scalar]) -> Iterator[Problem]:
    """An error for each step whose caller would wait in no queue, for what its param says. The call goes on with it."""
    for step in flow.steps.values():
        param = param_of(step.queue)
        if param is not None and not queue_of(step, params):
            said = str(params.get(param, ""))[:40]
            message = f"params.{param} is {said!r}, which is no queue's name: callers wait in none"
            problem = Problem.error("flow.queue", message, f"{flow.name}/flow.toml", hint=_HINT)
            yield flow.places.problem(problem, ("steps", step.name, "queue"), value=True)


def queue_problems(manifest: Manifest, declared: Collection[str], places: Places, file: str) -> Iterator[Problem]:
    """Params that cannot hold a queue's name, and values of them that are none."""

    def found(code: str, message: str, path: Sequence[str | int], hint: str, *, value: bool = True) -> Problem:
        return places.problem(Problem.error(code, message, file, hint=hint), path, value=value)

    for name, step in manifest.steps.items():
        param = param_of(step.queue)
        if param is None:
            continue
        own = ("steps", name, "queue")
        spec = manifest.params.get(param)
        if spec is None:
            if param not in declared:  # else its own fault is reported
                hint = did_you_mean(param, manifest.params, f"add [params.{param}]")
                yield found("flow.no-such-param", f"there is no param {param}", own, hint)
            continue
        if spec.type not in ("text", "choice"):
            message = f"params.{param} is of type {spec.type}: the name of a queue is a text or a choice"
            yield found("flow.queue", message, own, "")
            continue
        said: list[tuple[tuple[str | int, ...], object]] = [
            (("params", param, word), getattr(spec, word)) for word in ("default", "example")
        ]
        said += [(("params", param, "choices", index), choice) for index, choice in enumerate(spec.choices)]
        for path, value in said:
            if value is not None and not is_name(str(value)):
                yield found("flow.queue", f"{str(value)!r} is no queue's name", path, _HINT)
        if not spec.required and spec.default is None:
            message = f"params.{param} names a queue and may be left out: callers would wait in none"
            yield found("flow.queue", message, ("params", param), "give it a default, or required = true", value=False)
