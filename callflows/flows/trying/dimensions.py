"""What can be different between two requests for a step, as far as its template can tell: one list of choices each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TypeGuard

from ...models import CallValues, Leg
from ...signing import Scalar
from ..catalog import ENTRY_STEPS, Flow
from ..context import OtherLeg
from ..manifest import DIAL_STATUSES
from ..params import ParamSpec, typed
from .choices import Choice, around, constants, is_number
from .reach import Reach
from .times import times_of

SAMPLE_CALL = CallValues(
    uuid="00000000-0000-4000-8000-000000000000",
    from_number="+14155550100",
    to_number="+14155550101",
    direction="inbound",
    status="in-progress",
)
# Values nobody wrote: what is dialled because of them says nothing of the flow.
MADE_UP: Mapping[str, Scalar] = {
    "phone": "+14155550199",
    "sip": "sip:made-up@callflows.invalid",
    "url": "https://callflows.invalid/made-up",
    "text": "example",
    "digits": "123",
    "integer": 1,
}
MANY = 1_000_000  # a counter after the last try
_WHOLE = ("equal", "member", "lookup", "part", "start")
_MAX_CHOICES = 60
_MAX_STATES = 12
_CALL_FIELDS = {each.name for each in fields(CallValues)}
_CALL_MADE_UP = {"caller_name": "Ann Example", "forwarded_from": SAMPLE_CALL.to_number}  # a number known as a sample


def dimensions(
    flow: Flow, step: str, reach: Reach, states: Sequence[Mapping[str, Scalar]], first: Mapping[str, Scalar]
) -> list[list[Choice]]:
    """Each dimension's choices beside leaving it as it is. What is most telling comes first."""
    specs = flow.manifest.params
    found = [_events(reach, specs), _causes(reach), _confidences(reach)]
    found += [_param(name, spec, reach, specs) for name, spec in specs.items() if reach.uses_any(f"params.{name}")]
    found.append(_states(step, reach, states, first, specs))
    found += [_call(name, reach) for name in sorted(_CALL_FIELDS) if reach.uses_any(f"call.{name}")]
    found += [_headers(reach), _legs(flow, step, reach), _transfers(flow, step, reach), _fetched(reach)]
    found += [_languages(flow, reach), times_of(flow, reach, specs), _raw(reach)]
    return [list({choice.label: choice for choice in each}.values())[:_MAX_CHOICES] for each in found if each]


def _is(path: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{path} is {'true' if value else 'false'}"
    return f"{path} is {value}" if value != "" else f"{path} is empty"


def _events(reach: Reach, specs: Mapping[str, ParamSpec]) -> list[Choice]:
    """A request brings news of one thing only."""
    found = []
    if reach.uses_any("dial"):
        found += [Choice(f"dial.status is {status}", {"dial.status": status}) for status in DIAL_STATUSES]
    if reach.uses_any("input"):
        found += _keys(reach, specs) + _speech(reach, specs)
        found.append(Choice("the caller entered nothing", {"input.type": "dtmf"}))
    if reach.uses_any("recording"):
        recording = {"recording.url": "https://example.com/x.wav", "recording.id": "1", "recording.duration": "4"}
        found.append(Choice("a recording was made", recording))
        found += [
            Choice(_is("recording.duration", value), {**recording, "recording.duration": str(value)})
            for value in around(reach.constants("recording.duration"))
        ]
    return found


def _keys(reach: Reach, specs: Mapping[str, ParamSpec]) -> list[Choice]:
    types = reach.constants("input.type")
    asked = constants("input.digits", reach, specs)
    if not (reach.uses_any("input.digits") or "dtmf" in types or reach.uses_any("input.type")):
        return []
    keys: dict[str, None] = {}
    for value in constants("input.digits", reach, specs, *_WHOLE):
        keys[str(value)] = None
    for number in around(constants("input.digits", reach, specs, "order")):
        keys[str(number)] = None
    for number in around(constants("input.digits", reach, specs, "length")):
        if 0 < number <= 40:
            keys[("1234567890" * 4)[:number]] = None
    keys = {key: None for key in keys if re.fullmatch(r"[0-9*#A-D]+", key)}
    other = next((key for key in "9876543210*#" if key not in keys and key not in map(str, asked)), "99")
    return [Choice(f"the caller pressed {key}", {"input.digits": key, "input.type": "dtmf"}) for key in [*keys, other]]


def _speech(reach: Reach, specs: Mapping[str, ParamSpec]) -> list[Choice]:
    said = [value for value in constants("input.speech", reach, specs) if isinstance(value, str) and value]
    if not (reach.uses_any("input.speech") or reach.uses_any("input.confidence") or reach.uses_any("input.type")):
        return []
    settings = {"input.type": "speech", "input.confidence": "0.9"}
    found = [Choice(f'the caller said "{text}"', {"input.speech": text, **settings}) for text in said]
    return [*found, Choice("the caller said something else", {"input.speech": "hello there", **settings})]


def _confidences(reach: Reach) -> list[Choice]:
    if not reach.uses_any("input.confidence"):
        return []
    values = {"0.1": None}
    for value in reach.constants("input.confidence"):
        try:
            asked = float(value)
        except ValueError:
            continue
        values |= {f"{each:g}": None for each in (asked - 0.1, asked, asked + 0.1) if 0 <= each <= 1}
    return [Choice(_is("input.confidence", value), {"input.confidence": value}, "input.speech") for value in values]


def _causes(reach: Reach) -> list[Choice]:
    found = []
    for name in ("hangup_cause", "hangup_code"):
        for value in reach.constants(f"dial.{name}"):
            found.append(Choice(_is(f"dial.{name}", value), {f"dial.{name}": str(value)}, "dial.status"))
    for name in ("b_leg_uuid", "a_leg_uuid", "b_leg_number"):
        if reach.uses_any(f"dial.{name}"):
            value = SAMPLE_CALL.to_number if name == "b_leg_number" else SAMPLE_CALL.uuid
            found.append(Choice(f"dial.{name} is present", {f"dial.{name}": value}, "dial.status"))
    return found


def _param(name: str, spec: ParamSpec, reach: Reach, specs: Mapping[str, ParamSpec]) -> list[Choice]:
    path = f"params.{name}"
    base = spec.example if spec.required else spec.default
    values: list[object] = list(spec.choices)
    if spec.type == "boolean":
        values = [True, False]
    elif not spec.required:
        made_up = MADE_UP.get(spec.type)
        values.append(made_up if spec.example is None and spec.default is None else spec.example)
    asked = constants(path, reach, specs)
    values += around(asked) if spec.type == "integer" else asked
    found: dict[Scalar, None] = {}
    for value in values:
        try:
            fitting = typed(spec, value)
        except ValueError:
            continue
        if value is not None and not (fitting == base and type(fitting) is type(base)) and fitting != "":
            found[fitting] = None
    return [Choice(_is(path, value), {path: value}, edge=_edge(value, found)) for value in found]


def _edge(value: Scalar, among: Iterable[Scalar]) -> int:
    if not _is_whole(value):
        return 0
    numbers = [number for number in among if _is_whole(number)]
    return 1 if value in (min(numbers), max(numbers)) else 2


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def states_apart(flow: Flow, reach: Reach, states: Iterable[Mapping[str, Scalar]]) -> list[Mapping[str, Scalar]]:
    """Those that this step can tell apart, or one that it links to; empty when nobody looked for any."""
    given = [dict(state) for state in states]
    if not any(given):
        return []
    keys = {path.split(".")[1] for path in reach.uses if path.startswith("state.")}
    every = "state" in reach.uses
    if "step_url" in reach.uses:  # it hands on what it was given
        for facts in flow.environment.facts.values():
            keys |= {path.split(".")[1] for path in facts.uses if path.startswith("state.")}
            every = every or "state" in facts.uses
    apart: dict[frozenset[tuple[str, str, Scalar]], Mapping[str, Scalar]] = {}
    for state in given:
        seen = frozenset((key, type(value).__name__, value) for key, value in state.items() if every or key in keys)
        apart.setdefault(seen, state)
    return list(apart.values())[:_MAX_STATES]


def state_words(state: Mapping[str, Scalar]) -> str:
    return " and ".join(_is(f"state.{key}", value) for key, value in state.items()) or "nothing is carried over"


def _states(
    step: str,
    reach: Reach,
    states: Sequence[Mapping[str, Scalar]],
    first: Mapping[str, Scalar],
    specs: Mapping[str, ParamSpec],
) -> list[Choice]:
    found = [
        Choice(
            state_words(state),
            {f"state.{key}": value for key, value in state.items()},
            is_state=True,
        )
        for state in states
        if state != first
    ]
    whole = states[0] if states else {}
    compared = {path.split(".")[1] for path in reach.compared if path.startswith("state.")}
    for key in sorted(compared | {key for key in reach.names("state") if isinstance(whole.get(key), int)}):
        path = f"state.{key}"
        carried = [state[key] for state in states if key in state]
        asked = constants(path, reach, specs)
        numbers = around(asked)
        if carried and not any(map(_is_whole, carried)):
            continue  # texts and switches: those that links carry are all there are
        values: list[Scalar] = []
        if numbers or carried:
            values += [number for number in numbers if number >= 0] + [MANY]
        if (not carried and step not in ENTRY_STEPS) or not states:
            texts = constants(path, reach, specs, *_WHOLE)
            values += [value for value in texts if isinstance(value, str | bool) and not is_number(value)]
        found += [
            Choice(
                _is(path, value),
                {**{f"state.{name}": it for name, it in whole.items()}, path: value},
                is_state=True,
                edge=_edge(value, values),
            )
            for value in values
            if not (key in first and first[key] == value)
        ]
    return found


def _call(name: str, reach: Reach) -> list[Choice]:
    path, base = f"call.{name}", getattr(SAMPLE_CALL, name)
    values = [str(value) for value in reach.constants(path, "equal", "member", "lookup", "part", "start")]
    if name == "direction":
        values = ["outbound"]
    elif name in ("uuid", "sip_headers"):
        return []
    elif name in _CALL_MADE_UP:
        values.append(_CALL_MADE_UP[name])
    found = [Choice(_is(path, value), {path: value}) for value in values if value != base]
    if name == "from_number":
        found.insert(0, Choice("the caller is anonymous", {path: ""}))
    return found


def _headers(reach: Reach) -> list[Choice]:
    found = []
    for used in sorted(used for used in reach.uses if used.startswith("call.sip_headers.")):
        for value in reach.constants(used) or ["example"]:
            found.append(Choice(_is(used, value), {used: str(value)}))
    return found


def _legs(flow: Flow, step: str, reach: Reach) -> list[Choice]:
    """Entry steps belong to one leg; other steps are met by the B leg in flows that have a way in for it."""
    if step in ENTRY_STEPS or not reach.uses_any("leg") or Leg.B not in flow.steps:
        return []
    return [Choice("leg is bleg", {"leg": Leg.B})]


def _transfers(flow: Flow, step: str, reach: Reach) -> list[Choice]:
    if not reach.uses_any("transfer") or step in (Leg.A, Leg.B):
        return []
    if step == "answer":
        return [Choice("the call came by a transfer", {"transfer": True})]
    if "answer" in flow.steps:
        return [Choice("the call came without a transfer", {"transfer": False})]
    return []


def _fetched(reach: Reach) -> list[Choice]:
    found = []
    if reach.uses_any("transfer.other_leg_fetched"):
        found.append(Choice("the other leg has fetched its document", {"other_leg": OtherLeg(fetched="yes")}))
    if reach.uses_any("transfer.other_leg_ended"):
        found.append(Choice("the other leg has hung up", {"other_leg": OtherLeg(ended="yes")}))
    return found


def _languages(flow: Flow, reach: Reach) -> list[Choice]:
    """Those that a call may be in beside the flow's own, and that no param has as a choice."""
    if "flow.language" not in reach.uses:
        return []
    spec = flow.manifest.params.get("language")
    known = (flow.manifest.language, *(spec.choices if spec else ()))
    others = [language for language in flow.prompts.languages if language not in known]
    return [Choice(f"the call is in {language}", {"state.language": language}) for language in others]


def _raw(reach: Reach) -> list[Choice]:
    if not reach.uses_any("raw"):
        return []
    found = [Choice("the platform sends no parameters", {"raw": None})]
    for name in reach.names("raw"):
        for value in reach.constants(f"raw.{name}"):
            found.append(Choice(_is(f"raw.{name}", value), {f"raw.{name}": str(value)}))
    return found
