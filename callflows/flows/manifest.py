"""flow.toml: what a flow says of itself, typed, with every mistake reported at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..models import Problem, Severity

PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ParamSpec(_Table):
    """`[params.NAME]`. `default` None means: none given, so the value is the empty string in templates."""

    type: Literal["phone", "text", "digits", "integer", "boolean", "choice", "url", "sip"] = "text"
    required: bool = False
    default: str | int | bool | None = None
    example: str | int | bool | None = None
    choices: tuple[str, ...] = ()
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> ParamSpec:
        if self.type == "choice" and not self.choices:
            raise ValueError('a param of type "choice" needs choices = ["...", "..."]')
        if self.type != "choice" and self.choices:
            raise ValueError('choices go with type = "choice"')
        if self.required and self.default is not None:
            raise ValueError("a required param has no default: remove one of the two")
        if self.required and self.example is None:
            raise ValueError("a required param needs an example, so that the flow can be checked")
        return self


class StepSpec(_Table):
    """`[steps.NAME]`. A sound step answers dialMusic, confirmSound and their kin: Play, Wait and Speak only."""

    kind: Literal["call", "sound"] = "call"


class Manifest(_Table):
    title: str = ""
    description: str = ""
    language: str = Field(default="en-US", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    providers: tuple[str, ...] = ()
    fallback: str = ""
    params: dict[str, ParamSpec] = Field(default_factory=dict)
    steps: dict[str, StepSpec] = Field(default_factory=dict)

    @field_validator("params")
    @classmethod
    def _param_names(cls, value: dict[str, ParamSpec]) -> dict[str, ParamSpec]:
        for name in value:
            if not PARAM_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no param name: use lower-case letters, digits and _")
        return value


def read_manifest(data: bytes, file: str) -> tuple[Manifest, list[Problem]]:
    """The manifest, and what is wrong with it; with problems, the manifest is the default one."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return Manifest(), [_problem("flow.encoding", f"not UTF-8 (byte {error.start})", file, 1)]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        return Manifest(), [_problem("flow.toml", str(error), file, int(found[1]) if found else None)]
    try:
        return Manifest.model_validate(values), []
    except ValidationError as error:
        return Manifest(), [_from_pydantic(fault, text, file) for fault in error.errors(include_url=False)]


def _from_pydantic(fault: Any, text: str, file: str) -> Problem:
    path = [str(part) for part in fault["loc"]]
    message = fault["msg"].removeprefix("Value error, ")
    hint = ""
    if fault["type"] == "extra_forbidden":
        known = list(_known_keys(path))
        close = difflib.get_close_matches(path[-1], known, n=1)
        message = f"unknown key {path[-1]}"
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    where = ".".join(path)
    return _problem("flow.toml", f"{where}: {message}" if where else message, file, _line_of(path, text), hint)


def _known_keys(path: list[str]) -> tuple[str, ...]:
    table: type[_Table] = Manifest
    if path[0] in ("params", "steps") and len(path) > 2:
        table = ParamSpec if path[0] == "params" else StepSpec
    return tuple(table.model_fields)


def _line_of(path: list[str], text: str) -> int | None:
    """The line of a key: tomllib keeps none, so look for its table's header, then the key below it."""
    lines = text.split("\n")
    start = 0
    for depth in range(len(path), 0, -1):
        header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, path[:depth])) + r"\s*\]")
        found = next((number for number, line in enumerate(lines) if header.match(line)), None)
        if found is not None:
            start = found
            break
    key = re.compile(rf"\s*\"?{re.escape(path[-1])}\"?\s*=") if path else None
    for number in range(start, len(lines)):
        if key and key.match(lines[number]):
            return number + 1
        if number > start and lines[number].lstrip().startswith("["):
            break
    return start + 1 if path else None


def _problem(code: str, message: str, file: str, line: int | None, hint: str = "") -> Problem:
    return Problem(Severity.ERROR, code, message, file, line, hint)
