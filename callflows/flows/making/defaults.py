"""Values of params written into a flow.toml as their defaults; all else in the file stays as its author wrote it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from ...errors import ParamInvalid
from ...signing import Scalar
from ..toml_places import Places

_BEFORE = ("description", "example", "choices", "agent", "type")  # a default is written before the first of these


def with_defaults_written(data: bytes, values: Mapping[str, Scalar]) -> bytes:
    """The file with `default = ...` for each value, and without `required` there. The params are declared in it.

    Raise ParamInvalid where it is written in a way that cannot be changed line by line.
    """
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    wanted = _read(text)
    for name, value in values.items():
        text = _with_default(text, name, _literal(value))
        spec = wanted["params"][name]
        if "default" not in spec:
            spec.pop("required", None)
        spec["default"] = value
        if _read(text) != wanted:
            hint = f"make the flow without it, and write default = {_literal(value)} under [params.{name}] yourself"
            raise ParamInvalid(f"the default of {name} cannot be written into flow.toml", hint=hint)
    return text.replace("\n", "\r\n" if b"\r\n" in data else "\n").encode()


def _with_default(text: str, name: str, literal: str) -> str:
    places = Places(text)
    default = places.pair(("params", name, "default"))
    required = places.pair(("params", name, "required"))
    if default is not None:
        _, value, end = default
        return text[:value] + literal + text[end:]
    if required is not None:
        key, _, end = required
        return f"{text[:key]}default = {literal}{text[end:]}"
    for other in _BEFORE:
        if (found := places.pair(("params", name, other))) is not None:
            key = found[0]
            line = text.rfind("\n", 0, key) + 1
            before = text[line:key]  # indentation, or `params.to.`
            if "{" in before:
                return f"{text[:key]}default = {literal}, {text[key:]}"
            return f"{text[:line]}{before}default = {literal}\n{text[line:]}"
    line, _ = places.find(("params", name))
    lines = text.split("\n")
    return "\n".join([*lines[:line], f"default = {literal}", *lines[line:]])


def _literal(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)  # as TOML writes texts, whole numbers, true and false


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError:
        return {}
