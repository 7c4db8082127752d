"""What follows the verb of a scenario's step, read: words, numbers, NAME=VALUE. ValueError says what would be right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any


def split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"the quotes do not match: {error}") from None


def target(
    rest: str, verb: str, what: str = "what answers: a flow, FLOW/STEP, or a path of the web application"
) -> tuple[str, dict[str, str]]:
    words = split(rest)
    if not words or "=" in words[0].partition("?")[0]:
        raise ValueError(f"`{verb}` takes {what}")
    return words[0], assignments(words[1:])


def assignments(words: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is not NAME=VALUE")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value
    return found


def text(rest: str, verb: str) -> tuple[str, tuple[float, ...]]:
    """Words, in quotes of either kind or in none; in quotes `within SECONDS` may follow."""
    rest = rest.strip()
    found = re.fullmatch(r"""(?:"([^"]+)"|'(.+)')(?:\s+within\s+(\S+))?""", rest)
    if found and (found[1] or found[2]).strip():
        return found[1] or found[2], (seconds(found[3], "within"),) if found[3] else ()
    if found or not rest or '"' in rest:
        raise ValueError(f'`{verb}` takes words, as {verb} "Press 1"')
    return rest, ()


def one(rest: str, verb: str, what: str) -> str:
    words = split(rest)
    if len(words) != 1:
        raise ValueError(f"`{verb}` takes {what}")
    return words[0]


def nothing(rest: str, verb: str) -> None:
    if rest.strip():
        raise ValueError(f"`{verb}` takes nothing more")


def seconds(text: str, name: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ValueError(f"{name} takes a number, as 5 or 0.5 and below a million, not {text!r}")
    return float(text)


def timed(name: str, item: str) -> list[Any]:
    at, colon, what = item.partition(":")
    if not colon or not what:
        raise ValueError(f"{name} takes SECONDS:{'DIGITS' if name == 'keys' else 'WORDS'}, as {name}=5:1")
    return [seconds(at, name), what]
