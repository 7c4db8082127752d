"""flow.toml: what a flow says of itself, typed, with every mistake reported at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from ..models import Problem
from ..suggest import did_you_mean
from .params import ParamSpec, Table
from .sandbox import MAPPING_METHODS

PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_BYTES = 20_000  # what tomllib may take long for grows with the square


class StepSpec(Table):
    """`[steps.NAME]`. A sound step answers dialMusic, confirmSound and their kin: Play, Wait and Speak only."""

    kind: Literal["call", "sound"] = "call"


class Manifest(Table):
    title: str = ""
    description: str = ""
    language: str = Field(default="en-US", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    providers: tuple[str, ...] = ()
    fallback: str = ""
    params: dict[str, ParamSpec] = Field(default_factory=dict)
    steps: dict[str, StepSpec] = Field(default_factory=dict)


def read_manifest(data: bytes, file: str) -> tuple[Manifest, list[Problem]]:
    """The manifest, and what is wrong with it; with problems, the manifest is the default one."""
    if len(data) > MAX_BYTES:
        return Manifest(), [Problem.error("flow.toml", f"{len(data)} bytes; at most {MAX_BYTES}", file, None)]
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Manifest(), [Problem.error("flow.encoding", "not UTF-8", file, line, "save the file as UTF-8")]
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a bare ValueError
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        return Manifest(), [Problem.error("flow.toml", str(error), file, line)]
    problems = [_param_name(name, text, file) for name in _names(values) if not _is_param_name(name)]
    try:
        manifest = Manifest.model_validate(values)
        return (Manifest() if problems else manifest), problems
    except ValidationError as error:
        return Manifest(), [*problems, *(_from_pydantic(fault, text, file) for fault in error.errors())]


def _names(values: Mapping[str, Any]) -> list[str]:
    params = values.get("params")
    return list(params) if isinstance(params, dict) else []


def _is_param_name(name: str) -> bool:
    return PARAM_NAME.fullmatch(name) is not None and name not in MAPPING_METHODS


def _param_name(name: str, text: str, file: str) -> Problem:
    message = f"{name!r} cannot be a param's name"
    hint = "use lower-case letters, digits and _; not get, items, keys or values"
    return Problem.error("flow.toml", message, file, line_of(["params", name], text), hint)


def _from_pydantic(fault: Any, text: str, file: str) -> Problem:
    path = [str(part) for part in fault["loc"]]
    message = fault["msg"].removeprefix("Value error, ")
    hint = ""
    if fault["type"] == "extra_forbidden":
        known = _known_keys(path)
        message = f"unknown key {path[-1]}"
        hint = did_you_mean(path[-1], known, f"known here: {', '.join(known)}")
    elif fault["type"] in ("model_type", "dict_type"):
        message = f"must be a table: [{'.'.join(path)}]"
    where = ".".join(path)
    return Problem.error("flow.toml", f"{where}: {message}" if where else message, file, line_of(path, text), hint)


def _known_keys(path: list[str]) -> tuple[str, ...]:
    table: type[Table] = Manifest
    if path[0] in ("params", "steps") and len(path) > 2:
        table = ParamSpec if path[0] == "params" else StepSpec
    return tuple(table.model_fields)


def line_of(path: Sequence[str], text: str) -> int:
    """The line of a key: tomllib keeps none, so look for its table's header, then for the key below it."""
    lines = text.split("\n")
    start, depth = 0, 0
    for size in range(len(path), 0, -1):
        end = r"\s*[.\]]" if size == len(path) else r"\s*\]"
        header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(map(_quoted, path[:size])) + end)
        found = next((number for number, line in enumerate(lines) if header.match(line)), None)
        if found is not None:
            start, depth = found, size
            break
    for part in path[depth:]:  # also `params.to.type = ...` and `to = { type = ... }`
        key = re.compile(rf"(^|[\s.{{,]){_quoted(part)}\s*[.=]")
        for number in range(start, len(lines)):
            if number > start and lines[number].lstrip().startswith("["):
                break
            if key.search(lines[number]):
                start = number
                break
    return start + 1


def _quoted(part: str) -> str:
    return rf"[\"']?{re.escape(part)}[\"']?"
