"""How people write a duration: 90d, 12h, 1h30m."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str, *, shortest: str, longest: str, examples: str) -> int:
    """Raise ValueError, in words for whoever wrote `text`. The bounds are durations themselves."""
    if not re.fullmatch(r"([0-9]{1,6}[smhd])+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a duration such as {examples}")
    seconds = _sum(text)
    if not _sum(shortest) <= seconds <= _sum(longest):
        raise ValueError(f"{text} is not between {shortest} and {longest}")
    return seconds


def _sum(text: str) -> int:
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9]+)([smhd])", text))
