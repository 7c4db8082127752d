"""hours.toml: when somebody is there. `open("support")` in a template looks here.

    [support]
    zone = "America/New_York"
    mon-fri = ["09:00-12:30", "13:30-18:00"]
    sat = ["10:00-14:00"]
    holidays = ["12-25", "2027-11-25"]      # closed all day; without a year, each year

    [support.days]                           # days with hours of their own
    "2027-12-24" = ["09:00-12:00"]

Times are the zone's own, on its own clock. A window that ends before it begins (`22:00-06:00`) goes on into the next
day, whatever that day is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from ..models import Problem
from ..suggest import did_you_mean
from .sources import NAME
from .toml_places import Path, Places, read_file

FILE = "hours.toml"
MAX_BYTES = 50_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_TIMES = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAYS = re.compile(rf"({'|'.join(WEEKDAYS)})(?:-({'|'.join(WEEKDAYS)}))?")
_LEAP = 2028  # a yearly date may be the 29th of February

Window = tuple[int, int]  # minutes from midnight; the end is after the start, past 1440 on the next day
Day = date | tuple[int, int]  # a day, or a month and day of each year


@dataclass(frozen=True, slots=True)
class Hours:
    """One name's opening hours. `week` has Monday first; `days` are days with hours of their own, holidays none."""

    zone: ZoneInfo
    week: tuple[tuple[Window, ...], ...]
    days: Mapping[Day, tuple[Window, ...]] = field(default_factory=dict)

    def open_at(self, moment: datetime) -> bool:
        """Whether somebody is there at this moment (aware)."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        today = self._windows(local.date())
        yesterday = self._windows(local.date() - timedelta(days=1))
        return any(start <= minute < end for start, end in today) or any(
            minute < end - _DAY for _, end in yesterday if end > _DAY
        )

    def _windows(self, day: date) -> tuple[Window, ...]:
        for known in (day, (day.month, day.day)):
            if known in self.days:
                return self.days[known]
        return self.week[day.weekday()]

    def telling(self, near: datetime) -> Iterator[datetime]:
        """Moments that show all these hours can say, for trying a template: about `near`, opening and closing and a
        minute before, and each kind of day that is not as the week says."""
        local = near.astimezone(self.zone).date()
        week = [local + timedelta(days=number) for number in range(7)]
        for day in [day for day in week if self.week[day.weekday()] and day not in self.days][:1]:
            for start, end in self.week[day.weekday()]:
                yield from (self._moment(day, minute) for minute in (start - 1, start, end - 1, end))
        for day in week:
            if not self.week[day.weekday()]:
                yield self._moment(day, _DAY // 2)
                break
        for known in [*self.days][:2]:
            day = known if isinstance(known, date) else date(_LEAP, *known)
            yield self._moment(day, self.days[known][0][0] if self.days[known] else _DAY // 2)

    def _moment(self, day: date, minute: int) -> datetime:
        at = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(minutes=minute)
        return at.astimezone(UTC)


def read_hours(data: bytes, file: str) -> tuple[dict[str, Hours], list[Problem]]:
    """All that is in one hours.toml; what is wrong is left out, and told at its place."""
    values, places, problems = read_file(data, file, MAX_BYTES)
    reader = _Reader(places, file, problems)
    found = {}
    for name, table in values.items():
        if not isinstance(table, dict):
            reader.wrong((name,), f"{name} stands outside a table", "write it below a name: [support]", key=True)
        elif not NAME.fullmatch(name):
            reader.wrong((name,), f"{name!r} cannot be a name", "use lower-case letters, digits, - and _", key=True)
        elif (hours := reader.hours(name, table)) is not None:
            found[name] = hours
    return found, problems


class _Reader:
    def __init__(self, places: Places, file: str, problems: list[Problem]) -> None:
        self._places, self._file, self._problems = places, file, problems

    def wrong(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        problem = Problem.error("flow.hours", message, self._file, None, hint)
        self._problems.append(self._places.problem(problem, path, value=not key))

    def hours(self, name: str, table: Mapping[str, object]) -> Hours | None:
        zone = self._zone(name, table.get("zone"))
        week: list[tuple[Window, ...] | None] = [None] * 7
        days: dict[Day, tuple[Window, ...]] = {}
        for key, value in table.items():
            path = (name, key)
            if key == "zone":
                continue
            if key == "holidays":
                days |= {day: () for day in self._holidays(path, value)}
            elif key == "days":
                days |= self._days(path, value)
            elif match := _DAYS.fullmatch(key):
                windows = self._windows(path, value)
                for day in _range(match[1], match[2] or match[1]):
                    if week[day] is not None:
                        self.wrong(path, f"{name}: {WEEKDAYS[day]} is given twice", "each day once", key=True)
                    week[day] = windows
            else:
                known = ("zone", *WEEKDAYS, "mon-fri", "holidays", "days")
                self.wrong(path, f"{name}: unknown key {key}", did_you_mean(key, known, _KNOWN), key=True)
        return None if zone is None else Hours(zone, tuple(day or () for day in week), days)

    def _zone(self, name: str, value: object) -> ZoneInfo | None:
        if not isinstance(value, str):
            said = "must be text" if value is not None else "is missing: a time means nothing without its place"
            self.wrong((name, "zone"), f"{name}.zone {said}", 'write zone = "Europe/Berlin"')
            return None
        try:
            return ZoneInfo(value)
        except Exception:  # what it raises for odd names is many kinds
            hint = did_you_mean(value, available_timezones(), "it is one of the time zone database, as Europe/Berlin")
            self.wrong((name, "zone"), f"{name}.zone: there is no time zone {value!r}", hint)
            return None

    def _windows(self, path: Path, value: object) -> tuple[Window, ...]:
        if not isinstance(value, list):
            self.wrong(path, f"{_told(path)} must be a list", 'write ["09:00-12:30", "13:30-18:00"]; [] is closed')
            return ()
        found: list[Window] = []
        for number, text in enumerate(value):
            match = _TIMES.fullmatch(text) if isinstance(text, str) else None
            numbers = [int(part) for part in match.groups()] if match else []
            start, end = (numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]) if match else (-1, -1)
            if not match or start >= _DAY or end > _DAY or max(numbers[1], numbers[3]) > 59 or start == end:
                hint = 'write "09:00-17:30"; a day ends at 24:00'
                self.wrong((*path, number), f"{_told(path)}: {text!r} is no time from and to", hint)
                continue
            end = end if end > start else end + _DAY
            if any(start < known_end and known_start < end for known_start, known_end in found):
                self.wrong((*path, number), f"{_told(path)}: {text} overlaps another", "one window for the same time")
            found.append((start, end))
        return tuple(sorted(found))

    def _holidays(self, path: Path, value: object) -> Iterator[Day]:
        if not isinstance(value, list):
            self.wrong(path, f"{_told(path)} must be a list", 'write ["12-25", "2027-11-25"]')
            return
        for number, text in enumerate(value):
            day = self._day((*path, number), str(text), key=False)
            if day is not None:
                yield day

    def _days(self, path: Path, value: object) -> dict[Day, tuple[Window, ...]]:
        if not isinstance(value, dict):
            self.wrong(
                path, f"{_told(path)} must be a table", f'write [{_told(path)}] and "2027-12-24" = ["09:00-12:00"]'
            )
            return {}
        found = {
            self._day((*path, text), text, key=True): self._windows((*path, text), its) for text, its in value.items()
        }
        return {day: windows for day, windows in found.items() if day is not None}

    def _day(self, path: Path, text: str, *, key: bool) -> Day | None:
        try:
            if re.fullmatch(r"\d\d-\d\d", text):
                yearly = date(_LEAP, int(text[:2]), int(text[3:]))
                return yearly.month, yearly.day
            if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                return date.fromisoformat(text)
        except ValueError:
            self.wrong(path, f"there is no {text}", "write a day that the calendar has", key=key)
            return None
        self.wrong(path, f"{text!r} is no day", 'write "2027-12-24", or "12-24" for each year', key=key)
        return None


_KNOWN = f"known are zone, {', '.join(WEEKDAYS)}, ranges such as mon-fri, holidays, days"


def _range(first: str, last: str) -> Sequence[int]:
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
    return [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]


def _told(path: Path) -> str:
    return ".".join(str(part) for part in path)
