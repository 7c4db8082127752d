"""`[context.NAME]` of flow.toml: names that the application gives (docs/embedding.md), and what is heard without it.

What an application gives counts as coming from outside: what reaches a template is a copy in Python's own types, of
bounded weight and depth, its text scrubbed and never markup, of the kind that flow.toml says.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jinja2.defaults import DEFAULT_NAMESPACE
from pydantic import ValidationInfo, field_validator, model_validator

from ..models import Problem
from ..scrub import scrub
from .bounds import ELEMENT_WEIGHT, MAX_BITS, MAX_VALUE
from .params import PARAM_NAME, Table
from .toml_places import Places

Value = str | int | bool | list[Any] | dict[str, Any]
MAX_DEPTH = 10  # lists and tables in each other
_OF_JINJA = frozenset(("loop", "self", "super", "caller", "varargs", "kwargs", "true", "false", "none"))
_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    type(None): "None",
}
_PLAIN = "text, a whole number, true or false, or a list or table of these"


class ContextSpec(Table):
    """`default` is what templates see where the application does not give the name in time, and says of which kind it
    is: a table has at least the default's keys; the elements of a list are of its first one's kind, or the example's.
    """

    default: Any = None
    example: Any = None
    description: str = ""

    @field_validator("default", "example")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Value:
        found = plain(value, "it")
        default = info.data.get("default")
        fit(found, _like(found if default is None else default, found), "it")
        return found

    @model_validator(mode="after")
    def _has_default(self) -> ContextSpec:
        if self.default is None:
            raise ValueError("a default is needed: it is heard when the application does not give this name in time")
        return self

    @cached_property
    def like(self) -> Any:
        """An example of each kind that a fitting value is made of."""
        return _like(self.default, self.example)


def plain(value: object, where: str) -> Value:
    """A copy in Python's own types. Raise ValueError, a sentence about `where`, for what is none of them, and for what
    is too large: like everything a template makes, it is weighed.
    """
    return _Copier().copy(value, where, 0)


def fit(value: Value, like: Any, where: str) -> None:
    """Raise ValueError, a sentence, where the value is not of the same kind."""
    if type(value) is not type(like):
        raise ValueError(f"{where} is {_kind(value)}, not {_kind(like)}")
    if isinstance(value, list) and isinstance(like, list):
        for number, each in enumerate(value if like else ()):
            fit(each, like[0], f"{where}[{number}]")
    elif isinstance(value, dict) and isinstance(like, dict):
        for key, each in like.items():
            if key not in value:
                raise ValueError(f"{where} has no {key}")
            fit(value[key], each, f"{where}.{key}")


def well_named(values: Mapping[str, Any], places: Places, file: str) -> tuple[dict[str, Any], list[Problem]]:
    """flow.toml's values without those names under `[context]` that no template can or may see, and why not."""
    declared = values.get("context")
    if not isinstance(declared, dict):
        return dict(values), []
    faults = {name: fault for name in declared if (fault := _name_fault(name))}
    problems = [
        places.problem(Problem.error("flow.toml", f"{name!r} {why}", file, None, hint), ["context", name])
        for name, (why, hint) in faults.items()
    ]
    return {**values, "context": {name: spec for name, spec in declared.items() if name not in faults}}, problems


def _name_fault(name: str) -> tuple[str, str] | None:
    from .context import CONTEXT  # which imports what imports this

    if PARAM_NAME.fullmatch(name) is None:
        return "cannot be a name in templates", "use lower-case letters, digits and _"
    if name in CONTEXT or name in DEFAULT_NAMESPACE or name in _OF_JINJA or keyword.iskeyword(name):
        return "is a name that templates have already", f"call it something else, such as our_{name}"
    return None


def _like(default: Any, example: Any) -> Any:
    if isinstance(default, list):
        return (default or (example if isinstance(example, list) else []))[:1]
    if isinstance(default, dict):
        given = example if isinstance(example, dict) else {}
        return {key: _like(each, given.get(key)) for key, each in default.items()}
    return default


def _kind(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return _KINDS.get(kind, f"of the type {name}")


class _Copier:
    """Asks for the real types and calls their own methods: a proxy is what it is and not what it says, and no code of
    the application runs here.
    """

    def __init__(self) -> None:
        self._left = MAX_VALUE

    def copy(self, value: object, where: str, depth: int) -> Value:
        kind = type(value)
        if kind is bool:
            return value  # type: ignore[return-value]
        if issubclass(kind, str):
            return self._text(value, where)
        if issubclass(kind, int):
            number = int.__int__(value)  # type: ignore[arg-type]
            if number.bit_length() > MAX_BITS:
                raise ValueError(f"{where} is a number of more than 77 digits")
            return number
        if not issubclass(kind, list | tuple | dict):
            raise ValueError(f"{where} is {_kind(value)}; what can be given is {_PLAIN}")
        if depth >= MAX_DEPTH:
            raise ValueError(f"{where} is in more than {MAX_DEPTH} lists and tables")
        if issubclass(kind, dict):
            found: dict[str, Value] = {}
            entries: list[tuple[object, object]] = list(dict.items(value))  # type: ignore[arg-type]
            for key, each in entries:
                self._take(ELEMENT_WEIGHT, where)
                if not issubclass(type(key), str):
                    raise ValueError(f"{where} has a key that is {_kind(key)}, not text")
                name = self._text(key, where)
                found[name] = self.copy(each, f"{where}.{name if PARAM_NAME.fullmatch(name) else '…'}", depth + 1)
            return found
        base = list if issubclass(kind, list) else tuple
        items = []
        for number, each in enumerate(base.__iter__(value)):  # type: ignore[arg-type]
            self._take(ELEMENT_WEIGHT, where)
            items.append(self.copy(each, f"{where}[{number}]", depth + 1))
        return items

    def _text(self, value: object, where: str) -> str:
        self._take(str.__len__(value), where)  # type: ignore[arg-type]
        return scrub(str.__str__(value))

    def _take(self, weight: int, where: str) -> None:
        self._left -= weight
        if self._left < 0:
            top = re.split(r"[.\[]", where)[0]
            raise ValueError(f"{top} has more than {MAX_VALUE} characters, or {MAX_VALUE // ELEMENT_WEIGHT} elements")
