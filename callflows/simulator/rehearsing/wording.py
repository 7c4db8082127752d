"""What a test asks for wrongly is told in words, at the test's own line: nothing of ours is in the traceback."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from ..reading import read_party

__tracebackhide__ = True  # of this module's functions, pytest

MOST = 40  # lines of a transcript at each end
P = ParamSpec("P")
T = TypeVar("T")


class Unmet(AssertionError):
    """What was said of a call is not so. `reason` is one sentence; the text goes on with the transcript."""

    __module__ = "builtins"  # pytest's one-line summary begins with the reason, not with our address

    def __init__(self, reason: str, transcript: str) -> None:
        super().__init__(f"{reason}\n\n{abridged(transcript)}")
        self.reason = reason


def abridged(transcript: str) -> str:
    """Of four hours of music, how they began and how they ended."""
    lines = transcript.splitlines(keepends=True)
    left_out = len(lines) - 2 * MOST
    if left_out <= 0:
        return transcript
    return "".join([*lines[:MOST], f"          ... {left_out} more lines ...\n", *lines[-MOST:]])


def in_words(method: Callable[P, T]) -> Callable[P, T]:
    """A method of Phone or Call: what it refuses seems to come from the line that asked for it."""

    @functools.wraps(method)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        phone: Any = getattr(args[0], "phone", args[0])
        try:
            return method(*args, **kwargs)
        except (Unmet, ValueError, *phone.site.refusals) as error:
            raise error.with_traceback(None) from None

    return asked


def party(number: object) -> str:
    """A phone number or sip: URI, as the platform has it."""
    if not isinstance(number, str):
        raise ValueError(f'a number is a text, as "+14155550123", not {number!r}')
    return read_party(number)


def keys(digits: object) -> str:
    if not isinstance(digits, str) or not re.fullmatch(r"[0-9*#]+", digits):
        raise ValueError(f'keys are a text of 0-9, * and #, as "1", not {digits!r}')
    return digits


def seconds(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise ValueError(f"{what} is a number of seconds, not {value!r}")
    return float(value)


def words(text: object, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} is a text, not {text!r}")
    return text


def pattern(text: object) -> str | re.Pattern[str]:
    if isinstance(text, re.Pattern) and isinstance(text.pattern, str):
        return text
    return words(text, "what is heard")


def mapping(values: object) -> Mapping[str, object]:
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise ValueError(f'params are names with values, as {{"to": "+14155550123"}}, not {values!r}')
    return values
