"""One choice of what may be different between two requests, and what a template compares with: for `dimensions`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..params import ParamSpec
from .facts import LENGTH, Constant, Ref
from .reach import Reach


@dataclass(frozen=True)
class Choice:
    """`settings`: paths to values, None for absent. `needs`: a path that another choice must have set.

    `edge`: 2 a number at a limit, 1 the least or the greatest of them. Numbers are tried together only at their
    ends: a template compares with one limit at a time, and all pairs of limits would be hundreds.
    """

    label: str
    settings: Mapping[str, Any]
    needs: str = ""
    is_state: bool = False
    edge: int = 0


def constants(path: str, reach: Reach, specs: Mapping[str, ParamSpec], *hows: str) -> list[Constant]:
    """Also the value of a param that it is compared with; of a list in a text (`params.codes.split(",")`) each part."""
    found = reach.constants(path, *hows)
    for each in reach.compared.get(path, ()):
        if isinstance(each.value, Ref) and each.value.path.startswith("params.") and (not hows or each.how in hows):
            name, _, length = each.value.path.removeprefix("params.").partition(".")
            spec = specs.get(name)
            value = None if spec is None else spec.example if spec.required else spec.default
            if length == LENGTH:
                value = len(str(value or ""))
            found += [value] if isinstance(value, str | int) else []
            if each.how == "member" and isinstance(value, str):
                found += filter(None, re.split(r"[,;|\s]+", value))
    return list({(type(value), value): value for value in found}.values())


def is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value) is not None)


def around(values: Iterable[object]) -> list[int]:
    """Each number, one less and one more."""
    found: dict[int, None] = {}
    for value in values:
        if is_number(value) and not isinstance(value, bool) and abs(float(str(value))) < 1e12:
            number = int(float(str(value)))
            found |= {number - 1: None, number: None, number + 1: None}
    return list(found)
