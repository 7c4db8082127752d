"""The times a step is tried at: those that its template can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from ..catalog import Flow
from ..params import ParamSpec
from .choices import Choice, around, constants
from .facts import Constant
from .reach import Reach

SAMPLE_NOW = datetime(2027, 6, 16, 10, tzinfo=UTC)  # a Wednesday


def times_of(flow: Flow, reach: Reach, specs: Mapping[str, ParamSpec]) -> list[Choice]:
    if not tells_time(reach):
        return []
    if not reach.uses_any("now"):
        return [_at(time) for time in _openings(flow)]
    times = [SAMPLE_NOW.replace(hour=23), datetime(2027, 6, 20, 12, tzinfo=UTC), datetime(2027, 12, 25, 10, tzinfo=UTC)]
    paths = [path for path in reach.compared if path == "now" or path.startswith("now.")]
    asked = [time for path in paths for time in _clock(path, constants(path, reach, specs))]
    hours = [times[0], *(time for time in asked if time.date() == SAMPLE_NOW.date())]
    days = dict.fromkeys(time.date() for time in asked if time.date() != SAMPLE_NOW.date())
    asked += [datetime.combine(day, time.timetz()) for time in hours for day in days]
    times += _openings(flow) if reach.uses_any("open") else []
    return [_at(time) for time in [*times, *asked] if time != SAMPLE_NOW]


def tells_time(reach: Reach) -> bool:
    """Whether the template can tell what time it is."""
    return reach.uses_any("now") or reach.uses_any("open")


def _openings(flow: Flow) -> list[datetime]:
    """Open and closed, and the edges between, of all that may be open."""
    moments = (moment for hours in flow.hours.values() for moment in hours.telling(SAMPLE_NOW))
    return [moment for moment in dict.fromkeys(moments) if moment != SAMPLE_NOW]


def _at(time: datetime) -> Choice:
    return Choice(f"it is {time:%a %d %b %Y, %H:%M} UTC", {"now": time})


def _clock(path: str, asked: Iterable[Constant]) -> list[datetime]:
    found = []
    for value in asked:
        text = str(value)
        if match := re.fullmatch(r"(\d\d?):(\d\d)", text):
            hour, minute = int(match[1]), int(match[2])
            if hour < 24 and minute < 60:
                at = SAMPLE_NOW.replace(hour=hour, minute=minute)
                found += [at - timedelta(minutes=1), at, at + timedelta(minutes=1)]
        for number in around([value]):
            if path in ("now.weekday", "now.isoweekday"):
                found.append(SAMPLE_NOW + timedelta(days=number % 7 - 2 - (path == "now.isoweekday")))
            elif path in ("now", "now.hour", "now.strftime") and 0 <= number < 24:
                found.append(SAMPLE_NOW.replace(hour=number))
            elif path == "now.minute" and 0 <= number < 60:
                found.append(SAMPLE_NOW.replace(minute=number))
            elif path == "now.month" and 1 <= number <= 12:
                found.append(SAMPLE_NOW.replace(month=number))
            elif path == "now.day" and 1 <= number <= 30:
                found.append(SAMPLE_NOW.replace(day=number))
    return found
