"""flow.toml: what a flow says of itself, typed, with every mistake reported at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from ..models import Problem, Severity
from ..suggest import did_you_mean
from .declared import ContextSpec, fit, plain, well_named
from .filters import MAPPING_METHODS
from .params import PARAM_NAME, ParamSpec, Table, typed
from .queues import param_of, queue_problems
from .sources import is_name
from .texts import LANGUAGE
from .toml_places import Places, read_file

MAX_BYTES = 20_000  # what tomllib may take long for grows with the square
NO_STEP = "-"  # of a sample that was left out for its mistakes: the others keep their number
DialStatus = Literal["completed", "busy", "failed", "cancel", "timeout", "no-answer"]
DIAL_STATUSES: tuple[str, ...] = get_args(DialStatus)


Language = Annotated[str, Field(pattern=rf"^{LANGUAGE.pattern}$")]


class StepDefault(Table):
    """What the names say that are read from the store, where it does not answer in time."""

    other_leg_fetched: Literal["", "yes"] = ""
    other_leg_ended: Literal["", "yes"] = ""
    room_occupied: Literal["", "yes"] = ""


class StepSpec(Table):
    """`[steps.NAME]`. A sound step answers dialMusic, confirmSound and their kin: Play, Wait and Speak only."""

    kind: Literal["call", "sound"] = "call"
    needs: tuple[Literal["store"], ...] = ()
    default: StepDefault = StepDefault()
    queue: StrictStr = ""

    @field_validator("queue")
    @classmethod
    def _names_a_queue(cls, value: str) -> str:
        if not is_name(value) and param_of(value) is None:
            raise ValueError("must be a name (lower-case letters, digits, - and _), or params.NAME")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> StepSpec:
        if self.queue and self.kind != "call":
            raise ValueError("a step of kind sound is not waited in: queue goes with steps of kind call")
        if "default" in self.model_fields_set and "store" not in self.needs:
            raise ValueError('default goes with needs = ["store"]')
        return self


class _Wire(Table):
    """What a platform says is text, whoever writes `digits = 42`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


class SampleInput(_Wire):
    digits: str = ""
    speech: str = ""
    confidence: str = ""
    type: Literal["", "dtmf", "speech"] = ""


class SampleDial(_Wire):
    status: DialStatus = "completed"
    hangup_cause: str = ""
    hangup_code: str = ""
    a_leg_uuid: str = ""
    b_leg_uuid: str = ""
    b_leg_number: str = ""


class SampleCall(_Wire):
    from_number: str | None = None
    to_number: str | None = None
    direction: Literal["inbound", "outbound"] | None = None
    status: str | None = None
    caller_name: str | None = None
    forwarded_from: str | None = None
    a_leg_uuid: str | None = None
    request_uuid: str | None = None
    sip_headers: dict[str, str] | None = None


class SampleRecording(_Wire):
    url: str = ""
    id: str = ""
    duration: str = ""


class SampleSpec(_Wire):
    """`[[samples]]`: one request the author wants tried. `step` and `provider` empty: each of them."""

    step: str = ""
    provider: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    input: SampleInput | None = None
    dial: SampleDial | None = None
    call: SampleCall | None = None
    state: dict[str, StrictStr | StrictInt | StrictBool] = Field(default_factory=dict)
    recording: SampleRecording | None = None
    leg: Literal["aleg", "bleg"] | None = None
    now: datetime | None = None
    transfer: StrictBool | None = None
    raw: dict[str, str] = Field(default_factory=dict)


class Manifest(Table):
    title: str = ""
    description: str = ""
    language: Language = "en-US"
    languages: dict[str, Language] = Field(default_factory=dict)  # by how a caller's number begins
    providers: tuple[str, ...] = ()
    fallback: str = ""
    dial_events: StrictBool = True
    accept: tuple[StrictStr, ...] = ()  # rules whose warnings the author has read
    agent: StrictBool = True  # False: the flow is no tool for models
    params: dict[str, ParamSpec] = Field(default_factory=dict)
    context: dict[str, ContextSpec] = Field(default_factory=dict)
    steps: dict[str, StepSpec] = Field(default_factory=dict)
    samples: tuple[SampleSpec, ...] = ()

    @field_validator("languages")
    @classmethod
    def _prefixes(cls, value: dict[str, str]) -> dict[str, str]:
        for prefix in value:
            if not re.fullmatch(r"\+[1-9][0-9]{0,14}", prefix):
                raise ValueError(f'{prefix!r} is no beginning of a number; write "+49" = "de-DE"')
        return value

    def language_of(self, number: str) -> str:
        """By the longest beginning of a number; empty where none fits."""
        known = [prefix for prefix in self.languages if number.startswith(prefix)]
        return self.languages[max(known, key=len)] if known else ""


_TABLES: Mapping[str, type[Table]] = {
    "input": SampleInput,
    "dial": SampleDial,
    "call": SampleCall,
    "recording": SampleRecording,
}


def read_manifest(data: bytes, file: str) -> tuple[Manifest, list[Problem]]:
    """The manifest without what is wrong in it, and what that is."""
    values, places, problems = read_file(data, file, MAX_BYTES)
    if problems and not values:
        return Manifest(), problems
    values, found = well_named(values, places, file)
    problems += found
    params = values.get("params")
    declared = list(params) if isinstance(params, dict) else []
    for name in declared:
        if not _may_be_called(name):
            message = f"{name!r} cannot be a param's name"
            hint = "use lower-case letters, digits and _; not get, items, keys or values"
            problems.append(places.problem(Problem.error("flow.toml", message, file, None, hint), ["params", name]))
    manifest, found = _validated(values, places, file)
    specs = {name: spec for name, spec in manifest.params.items() if _may_be_called(name)}
    if len(specs) < len(manifest.params):
        manifest = manifest.model_copy(update={"params": specs})
    problems += found
    problems += _out_of_reach(manifest, places, file)
    problems += dict.fromkeys(queue_problems(manifest, declared, places, file))
    manifest, found = _samples(manifest, declared, places, file)
    return manifest, sorted([*problems, *found], key=lambda problem: (problem.line or 0, problem.column or 0))


def _out_of_reach(manifest: Manifest, places: Places, file: str) -> list[Problem]:
    """Params that keep a flow from being the tool it is meant to be."""
    message = "params.{} is required and kept from agents: the flow cannot be a tool"
    hint = "give it a default instead of required, or write agent = false for the whole flow"
    return [
        places.problem(
            Problem(Severity.WARNING, "flow.agent-required", message.format(name), file, hint=hint),
            ["params", name, "agent"],
        )
        for name, spec in manifest.params.items()
        if manifest.agent and spec.required and not spec.agent
    ]


def _may_be_called(name: str) -> bool:
    return PARAM_NAME.fullmatch(name) is not None and name not in MAPPING_METHODS


def _validated(values: dict[str, Any], places: Places, file: str) -> tuple[Manifest, list[Problem]]:
    """Once for what is wrong; what is wrong is taken out until the rest is a manifest."""
    problems: list[Problem] = []
    for _ in range(6):
        try:
            return Manifest.model_validate(values), problems
        except ValidationError as error:
            faults = error.errors()
            if not problems:  # later ones follow from what was taken out
                problems = list(dict.fromkeys(_from_pydantic(fault, places, file) for fault in faults))
            else:
                faults = [{**fault, "loc": fault["loc"][:2]} for fault in faults]
            for fault in sorted(faults, key=lambda fault: [str(part) for part in fault["loc"]], reverse=True):
                _take_out(values, fault["loc"])
    return Manifest(), problems


def _take_out(values: Any, path: Sequence[Any]) -> None:
    """The key; of an array all of it, so that indices keep their meaning, but a sample by itself."""
    for number, part in enumerate(path):
        if not isinstance(values, dict) or part not in values:
            return
        inner = values[part]
        is_last = number == len(path) - 1
        if part == "samples" and isinstance(inner, list) and not is_last and path[number + 1] in range(len(inner)):
            sample = path[number + 1]
            if number + 2 < len(path) and isinstance(inner[sample], dict) and path[number + 2] in inner[sample]:
                _take_out(inner[sample], path[number + 2 :])
            else:
                inner[sample] = {"step": NO_STEP}
            return
        if is_last or not isinstance(inner, dict) or path[number + 1] not in inner:
            del values[part]
            return
        values = inner


def _from_pydantic(fault: Any, places: Places, file: str) -> Problem:
    path = list(fault["loc"])
    is_state = path[0] == "samples" and path[2:3] == ["state"] and len(path) > 4
    path = path[:4] if is_state else path  # what follows is one of the types it could have been
    words = [f"[[{part}]] {path[at + 1] + 1}" if part == "samples" and path[at + 1 :] else str(part)
             for at, part in enumerate(path) if not (at and path[at - 1] == "samples")]  # fmt: skip
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be")
    hint, value = "", True
    if is_state:
        message = "must be text, a whole number or true or false"
    elif fault["type"] == "extra_forbidden":
        known = _known_keys(path)
        message, value = f"unknown key {path[-1]}", False
        hint = did_you_mean(str(path[-1]), known, f"known here: {', '.join(known)}")
    elif fault["type"] in ("model_type", "dict_type"):
        header = ".".join(str(part) for part in path if isinstance(part, str))
        message = "must be a table: " + ("[[samples]]" if header == "samples" else f"[{header}]")
    elif fault["type"] == "literal_error":
        given = fault["input"]
        hint = did_you_mean(given, _choices(path)) if isinstance(given, str) else ""
    elif fault["type"] == "tuple_type":
        message = "must be a list"
        hint = "write [[samples]]" if path[-1] == "samples" else 'write ["...", "..."]'
    elif fault["type"] == "string_type":
        message, hint = "must be text", 'write "..."'
    elif fault["type"] == "string_pattern_mismatch":
        message, hint = "must be a language such as en-US", ""
    elif "; did you mean " in message:
        message, _, hint = message.partition("; ")
    where = ".".join(words)
    problem = Problem.error("flow.toml", f"{where}: {message}" if where else message, file, None, hint)
    is_header = fault["type"] == "value_error" and len(path) == 2
    return places.problem(problem, path, value=value and not is_header)


def _table(path: Sequence[Any]) -> type[Table]:
    if path[0] == "samples" and len(path) > 2:
        return _TABLES.get(path[2], SampleSpec) if len(path) > 3 else SampleSpec
    if path[0] == "context" and len(path) > 2:
        return ContextSpec
    if path[0] in ("params", "steps") and len(path) > 2:
        step = StepDefault if path[2] == "default" and len(path) > 3 else StepSpec
        return ParamSpec if path[0] == "params" else step
    return Manifest


def _known_keys(path: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_table(path).model_fields)


def _choices(path: Sequence[Any]) -> list[str]:
    """What a Literal takes, also one of `Literal[...] | None`."""
    name = path[-2] if isinstance(path[-1], int) else path[-1]
    field = _table(path).model_fields.get(str(name))
    found: list[str] = []
    for each in (field.annotation, *get_args(field.annotation)) if field else ():
        found += [choice for choice in get_args(each) if isinstance(choice, str)]
        if isinstance(each, str):
            found.append(each)
    return found


def _samples(manifest: Manifest, declared: Sequence[str], places: Places, file: str) -> tuple[Manifest, list[Problem]]:
    """The samples' params, as the params' own types; one with a mistake is left out and keeps its number."""
    problems: list[Problem] = []
    kept = []
    for number, sample in enumerate(manifest.samples):
        params: dict[str, Any] = {}
        for name, value in sample.params.items():
            path: list[str | int] = ["samples", number, "params", name]
            message = hint = ""
            if name in manifest.params:
                try:
                    params[name] = typed(manifest.params[name], value)
                    continue
                except ValueError as error:
                    message, _, hint = str(error).partition("; ")
                    message = f"[[samples]] {number + 1}.params.{name}: {message}"
                problem = Problem.error("flow.toml", message, file, None, hint)
            elif name in declared:  # its own fault is reported
                continue
            else:
                hint = did_you_mean(name, manifest.params, f"add [params.{name}]")
                problem = Problem.error("flow.no-such-param", f"there is no param {name}", file, None, hint)
            problems.append(places.problem(problem, path, value=name in manifest.params))
        context, found = _sample_context(manifest, number, sample, places, file)
        problems += found
        kept.append(sample.model_copy(update={"params": params, "context": context}))
    return manifest.model_copy(update={"samples": tuple(kept)}), problems


def _sample_context(
    manifest: Manifest, number: int, sample: SampleSpec, places: Places, file: str
) -> tuple[dict[str, Any], list[Problem]]:
    """What a sample says that the application gives."""
    found: dict[str, Any] = {}
    problems = []
    for name, value in sample.context.items():
        path = ("samples", number, "context", name)
        if name not in manifest.context:
            if places.has(("context", name)):  # its own fault is reported
                continue
            hint = did_you_mean(name, manifest.context, f"add [context.{name}]")
            problem = Problem.error("flow.no-such-context", f"there is no context.{name}", file, None, hint)
            problems.append(places.problem(problem, path))
            continue
        try:
            found[name] = plain(value, name)
            fit(found[name], manifest.context[name].like, name)
        except ValueError as error:
            problem = Problem.error("flow.toml", f"[[samples]] {number + 1}.context: {error}", file)
            problems.append(places.problem(problem, path, value=True))
            found.pop(name, None)
    return found, problems
