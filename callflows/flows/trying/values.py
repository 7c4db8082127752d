"""Values worth trying: what a path is compared with, the numbers around a limit, and how a choice is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from ...signing import Scalar
from ..params import ParamSpec
from .facts import LENGTH, Constant, Ref
from .reach import Reach

MAX_CHOICES = 60  # of one dimension


def label(path: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{path} is {'true' if value else 'false'}"
    return f"{path} is {value}" if value != "" else f"{path} is empty"


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


def around(values: Iterable[object]) -> list[int]:
    """Each number, one less and one more."""
    found: dict[int, None] = {}
    for value in values:
        if is_number(value) and not isinstance(value, bool) and abs(float(str(value))) < 1e12:
            number = int(float(str(value)))
            found |= {number - 1: None, number: None, number + 1: None}
    return list(found)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value) is not None)


def is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def edge(value: Scalar, among: Iterable[Scalar]) -> int:
    if not is_whole(value):
        return 0
    numbers = [number for number in among if is_whole(number)]
    return 1 if value in (min(numbers), max(numbers)) else 2
