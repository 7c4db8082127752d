"""The requests a step is tried with before it may go live: the combinations that its template can tell apart.

Only what the template, and all it includes, refers to is varied (facts.py, reach.py). Each choice is a few settings of
paths of the context; a combination is the union of one choice of every dimension.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ...models import (
    CallEvent,
    DialValues,
    EventKind,
    InputValues,
    Leg,
    RecordingValues,
)
from ...signing import Scalar
from ..catalog import ENTRY_STEPS, Flow
from ..context import OtherLeg
from ..manifest import DIAL_STATUSES, SampleSpec
from ..params import examples
from .choices import Choice
from .dimensions import SAMPLE_CALL, dimensions, state_words, states_apart
from .reach import reach
from .times import SAMPLE_NOW, tells_time

__all__ = ["DIAL_STATUSES", "LIMIT", "SAMPLE_CALL", "SAMPLE_TRANSFER", "Sample", "samples"]

LIMIT = 200
SAMPLE_TRANSFER = "0" * 32  # the id of the transfer that brought a sample call to its step
DRAWS = 600  # how often more is tried for a branch on three conditions and more
_RAW: Mapping[str, str] = MappingProxyType({"CallUUID": SAMPLE_CALL.uuid, "From": "14155550100", "To": "14155550101"})


@dataclass(frozen=True)
class Sample:
    """`label` ends the sentence "found when ..."; it is empty for the plain first look.

    `leg` and `now` None: whatever a rendering would have without being told. `key` is equal where a step would be told
    the same.
    """

    label: str
    event: CallEvent
    params: Mapping[str, Scalar] = field(default_factory=dict)
    state: Mapping[str, Scalar] = field(default_factory=dict)
    leg: Leg | None = None
    now: datetime | None = None
    transfer: bool = True
    other_leg: OtherLeg = OtherLeg()  # noqa: RUF009 - frozen
    key: Hashable = field(default=None, repr=False)


def samples(
    flow: Flow,
    step: str,
    provider: str,
    *,
    states: Iterable[Mapping[str, Scalar]] = ({},),
    limit: int = LIMIT,
    draws: int = 0,
) -> list[Sample]:
    """The plain first look, then all combinations, those with the fewest changes first; the author's own at the end.

    When there are more than `limit`: every single change, then pairs of changes, until the limit; with `draws`, as
    many of the others. `states` are those that links to this step carry; ({},) means that nobody looked.
    """
    template, _ = flow.steps[step].template(provider)
    reached = reach(flow.environment.facts, template)
    given = states_apart(flow, reached, states)
    alone = given[0] if len(given) == 1 else {}
    first = given[0] if given and {} not in given and (alone or step not in ENTRY_STEPS) else {}
    found = dimensions(flow, step, reached, given, first)
    base = _base(flow, step, first)
    told = state_words(first) if first and step in ENTRY_STEPS else ""
    if tells_time(reached):
        base["now"] = SAMPLE_NOW
    if draws:
        return [_sample(base, choices, told) for choices in _drawn(found, max(limit, 1), draws)]
    combined = [_sample(base, choices, told) for choices in _combinations(found, max(limit, 1))]
    own = [
        _of_author(f"[[samples]] {number}", spec, base)
        for number, spec in enumerate(flow.manifest.samples, 1)
        if spec.step in ("", step) and spec.provider in ("", provider)
    ]
    return [*combined, *own]


def _base(flow: Flow, step: str, state: Mapping[str, Scalar]) -> dict[str, Any]:
    values: dict[str, Any] = {f"params.{name}": value for name, value in examples(flow.manifest.params).items()}
    values |= {f"state.{name}": value for name, value in state.items()}
    values["transfer"] = step != "answer"  # calls come there by themselves
    return values


def _combinations(found: Sequence[Sequence[Choice]], limit: int) -> list[tuple[Choice, ...]]:
    """Each without the dimensions that stay as they are."""
    size = math.prod(len(dimension) + 1 for dimension in found)
    counts = range(len(found) + 1) if size <= limit * 4 else range(3)
    combined = (
        choices
        for count in counts
        for chosen in itertools.combinations(found, count)
        for choices in itertools.product(*chosen)
    )
    wanted = (choices for choices in combined if _is_possible(choices))
    everything = list(itertools.islice(wanted, limit * 4 + 1))
    if len(everything) <= limit:
        return everything
    few = [choices for choices in everything if sum(not choice.needs for choice in choices) <= 2]
    few.sort(key=lambda choices: len(choices) > 1 and not all(choice.needs for choice in choices[1:]))
    return few[:limit]


def _drawn(found: Sequence[Sequence[Choice]], limit: int, draws: int) -> Iterator[tuple[Choice, ...]]:
    """Some of those that _combinations leaves out, the same ones each time; none where it has them all."""
    if math.prod(len(dimension) + 1 for dimension in found) <= limit:
        return
    chance = random.Random(0)  # noqa: S311 - no secret
    for _ in range(draws):
        drawn = [chance.choice([None, *dimension]) for dimension in found]
        choices = tuple(choice for choice in drawn if choice is not None)
        if _has_its_needs(choices):
            yield choices


def _is_possible(choices: tuple[Choice, ...]) -> bool:
    """A hang-up cause needs a Dial that ended, a confidence needs speech; limits are tried one by one."""
    edges = [choice.edge for choice in choices if choice.edge]
    if len(edges) > 1 and max(edges) > 1:
        return False
    return _has_its_needs(choices)


def _has_its_needs(choices: tuple[Choice, ...]) -> bool:
    return all(not need.needs or any(need.needs in choice.settings for choice in choices) for need in choices)


def _sample(base: Mapping[str, Any], choices: tuple[Choice, ...], told: str) -> Sample:
    values = dict(base)
    for choice in choices:
        if choice.is_state:
            values = {path: value for path, value in values.items() if not path.startswith("state.")}
    for choice in sorted(choices, key=lambda choice: not choice.is_state):
        values.update(choice.settings)
    labels = [choice.label for choice in choices]
    if told and not any(choice.is_state for choice in choices):
        labels.append(told)
    return _made(" and ".join(labels), values)


def _made(label: str, values: Mapping[str, Any]) -> Sample:
    below: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        root, dot, name = path.partition(".")
        if dot and value is not None:  # None: absent after all
            below.setdefault(root, {})[name] = value
    told = below.get("call", {})
    call: dict[str, Any] = {name: value for name, value in told.items() if not name.startswith("sip_headers.")}
    if headers := {name.partition(".")[2]: value for name, value in told.items() if name not in call}:
        call["sip_headers"] = headers
    kind = EventKind.DOCUMENT
    for root, its in (("recording", EventKind.RECORDING), ("input", EventKind.INPUT), ("dial", EventKind.DIAL_RESULT)):
        kind = its if root in below else kind
    event = CallEvent(
        kind,
        replace(SAMPLE_CALL, **call),
        input=InputValues(**below.get("input", {})),
        dial=DialValues(**below.get("dial", {})),
        recording=RecordingValues(**below.get("recording", {})),
        raw={} if values.get("raw", True) is None else {**_RAW, **below.get("raw", {})},
    )
    return Sample(
        label,
        event,
        params=below.get("params", {}),
        state=below.get("state", {}),
        leg=values.get("leg"),
        now=values.get("now"),
        transfer=values["transfer"],
        other_leg=values.get("other_leg", OtherLeg()),
        key=tuple(sorted((path, type(value).__name__, str(value)) for path, value in values.items())),
    )


def _of_author(label: str, spec: SampleSpec, base: Mapping[str, Any]) -> Sample:
    values = dict(base)
    values |= {f"params.{name}": value for name, value in spec.params.items()}
    values |= {f"state.{name}": value for name, value in spec.state.items()}
    values |= {f"raw.{name}": value for name, value in spec.raw.items()}
    for root, table in (("input", spec.input), ("dial", spec.dial), ("call", spec.call), ("recording", spec.recording)):
        if table is not None:
            values |= {f"{root}.{name}": value for name, value in table.model_dump(exclude={"sip_headers"}).items()}
    if spec.input is not None and not spec.input.type:
        values["input.type"] = "speech" if spec.input.speech else "dtmf"
    if spec.call is not None:
        values |= {f"call.sip_headers.{name}": value for name, value in (spec.call.sip_headers or {}).items()}
    if spec.leg is not None:
        values["leg"] = Leg(spec.leg)
    if spec.now is not None:
        values["now"] = spec.now.astimezone(UTC) if spec.now.tzinfo else spec.now.replace(tzinfo=UTC)
    if spec.transfer is not None:
        values["transfer"] = spec.transfer
    return _made(label, values)
