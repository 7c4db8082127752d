"""Opening hours: what hours.toml says, when somebody is there, and what is wrong with one, at its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows import FlowSource, load_flow, render
from callflows.flows.hours import WEEKDAYS, read_hours

from .rooms import context, refused

SUPPORT = """
[support]
zone = "America/New_York"
mon-fri = ["09:00-12:30", "13:30-18:00"]
sat = ["22:00-02:00"]
holidays = ["12-25", "2027-11-25", "02-29"]

[support.days]
"2027-12-24" = ["09:00-12:00"]
"2027-07-05" = ["20:00-24:00"]
"""


def is_open(local: str, zone: str = "America/New_York") -> bool:
    hours, problems = read_hours(SUPPORT.encode(), "support/hours.toml")
    assert problems == []
    return hours["support"].open_at(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2027-06-16T08:59:59", False),  # a Wednesday
        ("2027-06-16T09:00", True),
        ("2027-06-16T12:29:59", True),
        ("2027-06-16T12:30", False),
        ("2027-06-16T13:30", True),
        ("2027-06-16T18:00", False),
        ("2027-06-19T10:00", False),  # a Saturday: from 22:00 into Sunday
        ("2027-06-19T22:00", True),
        ("2027-06-20T01:59", True),
        ("2027-06-20T02:00", False),
        ("2027-06-20T22:00", False),
        ("2027-12-25T22:30", False),  # each year's holiday is a Saturday in 2027
        ("2027-12-26T00:30", False),  # and so its night is closed too
        ("2027-11-25T10:00", False),
        ("2028-11-23T10:00", True),  # that one was of 2027 alone
        ("2028-02-29T10:00", False),
        ("2027-12-24T11:59", True),
        ("2027-12-24T13:40", False),
        ("2027-07-05T21:00", True),
        ("2027-07-05T23:59", True),
        ("2027-07-06T00:00", False),
    ],
)
def test_open_and_closed(local: str, expected: bool) -> None:
    assert is_open(local) is expected


def test_times_are_the_zones_own_in_summer_and_winter() -> None:
    assert [is_open(f"2027-{month}-13T13:30", "UTC") for month in ("01", "07")] == [False, True]
    assert [is_open(f"2027-{month}-13T22:30", "UTC") for month in ("01", "07")] == [True, False]
    # 2 o'clock does not come on the 14th of March: the night's window ends with the hour that is left out
    assert [is_open(f"2027-03-14T{hour}", "UTC") for hour in ("06:59", "07:00")] == [True, False]


minutes = st.integers(0, 24 * 60 - 1)


@given(
    st.dictionaries(st.sampled_from(WEEKDAYS), st.tuples(minutes, minutes).filter(lambda w: w[0] != w[1])),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
)
def test_a_moment_is_open_when_a_window_of_its_day_or_the_day_before_holds_it(
    week: dict[str, tuple[int, int]], moment: datetime
) -> None:
    def text(window: tuple[int, int]) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in window)

    toml = "[x]\nzone = 'UTC'\n" + "".join(f"{day} = ['{text(window)}']\n" for day, window in week.items())
    hours, problems = read_hours(toml.encode(), "x/hours.toml")
    assert problems == []
    expected = False
    for back in (0, 1):
        day = moment.date() - timedelta(days=back)
        for start, end in filter(None, [week.get(WEEKDAYS[day.weekday()])]):
            begins = datetime.combine(day, datetime.min.time()) + timedelta(minutes=start)
            ends = begins + timedelta(minutes=(end - start) % (24 * 60))
            expected = expected or begins <= moment < ends
    assert hours["x"].open_at(moment.replace(tzinfo=UTC)) is expected


@pytest.mark.parametrize(
    ("toml", "line", "message", "hint"),
    [
        ("[s]\nzone = 'Europe/Berln'", 2, "no time zone 'Europe/Berln'", "did you mean Europe/Berlin?"),
        ("[s]\nzone = '../../etc/passwd'", 2, "there is no time zone", "Europe/Berlin"),
        ("[s]\nzone = ''", 2, "there is no time zone", ""),
        ("[s]\nzone = 7", 2, "must be text", "Europe/Berlin"),
        ("[s]\nmon = ['09:00-10:00']", 1, "zone is missing", "Europe/Berlin"),
        ("[s]\nzone = 'UTC'\nholidays = ['2027-02-30']", 3, "there is no 2027-02-30", "calendar"),
        ("[s]\nzone = 'UTC'\nholidays = ['13-01']", 3, "there is no 13-01", "calendar"),
        ("[s]\nzone = 'UTC'\nholidays = ['Christmas']", 3, "'Christmas' is no day", "12-24"),
        ("[s]\nzone = 'UTC'\nholidays = '12-25'", 3, "must be a list", "12-25"),
        ("[s.days]\n'2027-04-31' = []\n[s]\nzone = 'UTC'", 2, "there is no 2027-04-31", "calendar"),
        ("[s]\nzone = 'UTC'\nmon = ['25:00-26:00']", 3, "no time from and to", "24:00"),
        ("[s]\nzone = 'UTC'\nmon = ['09:60-10:00']", 3, "no time from and to", "24:00"),
        ("[s]\nzone = 'UTC'\nmon = ['9-17']", 3, "no time from and to", "09:00-17:30"),
        ("[s]\nzone = 'UTC'\nmon = ['09:00-09:00']", 3, "no time from and to", ""),
        ("[s]\nzone = 'UTC'\nmon = [9]", 3, "no time from and to", ""),
        ("[s]\nzone = 'UTC'\nmon = '09:00-17:00'", 3, "must be a list", "09:00-12:30"),
        ("[s]\nzone = 'UTC'\nmon = ['09:00-12:00', '11:00-13:00']", 3, "overlaps", ""),
        ("[s]\nzone = 'UTC'\nmon-fri = []\ntue = []", 4, "tue is given twice", ""),
        ("[s]\nzone = 'UTC'\nmonday = []", 3, "unknown key monday", "mon"),
        ("[s]\nzone = 'UTC'\nholiday = []", 3, "unknown key holiday", "did you mean holidays?"),
        ("zone = 'UTC'", 1, "outside a table", "[support]"),
        ("[S up]\nzone = 'UTC'", 1, "", ""),
    ],
)
def test_what_is_wrong_is_said_at_its_line(toml: str, line: int, message: str, hint: str) -> None:
    _, problems = read_hours(toml.encode(), "s/hours.toml")
    found = problems[0]
    assert (found.severity, found.line, found.file) == ("error", line, "s/hours.toml")
    assert message in found.message
    assert hint in found.hint


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_file_breaks_the_reader(text: str) -> None:
    read_hours(text.encode("utf-8", "surrogatepass"), "s/hours.toml")
    read_hours(f"[s]\nzone = 'UTC'\nmon = [{text!r}]\nholidays = [{text!r}]".encode("utf-8", "replace"), "s/hours.toml")


def flow(template: str, **files: str) -> FlowSource:
    return FlowSource("s", {"s/aleg.xml": template.encode(), **{f"s/{n}.toml": t.encode() for n, t in files.items()}})


def test_a_template_asks_and_a_wrong_name_says_which_there_are() -> None:
    source = flow("{% if open('support') %}yes{% else %}no{% endif %}", hours=SUPPORT)
    loaded = load_flow(source)
    assert loaded.problems == ()
    for hour, word in (("15:00", "yes"), ("23:00", "no")):
        now = datetime.fromisoformat(f"2027-06-16T{hour}+00:00")
        assert render(loaded.environment, "s/aleg.xml", context(loaded, now=now), seconds=5) == word
    problem = refused("{{ open('suport') }}", **context(loaded))
    assert (problem.code, problem.hint) == ("template.data", "did you mean support?")
    assert "support" in refused("{{ open('x') }}", **context(load_flow(flow("<R/>")))).hint + "support"


def test_a_flows_own_hours_come_instead_of_shared_ones_of_the_same_name() -> None:
    shared = b"[support]\nzone = 'UTC'\n[night]\nzone = 'UTC'\nmon-sun = ['00:00-24:00']"
    files = {"s/aleg.xml": b"<R/>", "s/hours.toml": SUPPORT.encode(), "_shared/hours.toml": shared}
    hours = load_flow(FlowSource("s", files)).hours
    assert sorted(hours) == ["night", "support"]
    assert hours["support"].zone == ZoneInfo("America/New_York")
    assert all(hours["night"].open_at(datetime(2027, 1, day, tzinfo=UTC)) for day in range(1, 8))
