"""Lookup tables: CSV and TOML beside a flow, rows that are not there, mistakes at their line, what may be dialled."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows import FlowSource, load_flow, render
from callflows.flows.tables import MAX_ROWS, read_tables
from callflows.models import errors_in
from tests.exploring.trying import explored, lines

from .rooms import context, refused

CSV = "key,name,number\n1,Sales,+14155550123\n2,Support,+14155550124\n"
TOML = '[1]\nname = "Sales"\nnumber = "+14155550123"\nfloors = [1, 2]\nopen = true\n'
DIAL = """{% set row = table("departments").get(input.digits) %}
<Response>
{% if row %}
  <Speak>{{ row.name }}</Speak>
  <Dial callerId="+14155550100" action="{{ step_url('bye') }}"><Number>{{ row.number }}</Number></Dial>
{% else %}
  <Speak>No such department.</Speak><Hangup/>
{% endif %}
</Response>"""
BYE = "<Response><Speak>Bye.</Speak><Hangup/></Response>"


def files(table: str | bytes = CSV, name: str = "s/departments.csv", template: str = "{{ table('x') }}") -> FlowSource:
    data = table.encode() if isinstance(table, str) else table
    return FlowSource("s", {name: data, "s/aleg.xml": template.encode()})


def text(template: str, **how: str) -> str:
    loaded = load_flow(files(template=template, **how))
    assert loaded.problems == ()
    return render(loaded.environment, "s/aleg.xml", context(loaded), seconds=5)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ table('departments')['2'].name }}", "Support"),
        ("{{ table('departments')[2].number }}", "+14155550124"),
        ("{{ table('departments').get('3').name | default('-') }}", "-"),
        ("{{ table('departments').get('3') is none }}", "true"),
        ("{{ '2' in table('departments') }}", "true"),
        ("{{ table('departments') | length }}", "2"),
        ("{% for k, row in table('departments').items() %}{{ k }}{{ row.name }} {% endfor %}", "1Sales 2Support "),
        ("{{ table('departments').values() | map(attribute='number') | join(',') }}", "+14155550123,+14155550124"),
    ],
)
def test_rows_are_looked_up_by_what_stands_first(template: str, expected: str) -> None:
    assert text(template) == expected


def test_toml_keeps_its_types_and_values_are_not_to_be_changed() -> None:
    how = {"table": TOML, "name": "_shared/departments.toml"}
    assert (
        text("{% set r = table('departments')['1'] %}{{ r.floors[1] }} {{ r.open }} {{ r.name }}", **how)
        == "2 true Sales"
    )
    loaded = load_flow(files(template="<R/>{{ table('departments') }}", **how))
    for wrong in ("{{ table('departments')['1'].update(name='x') }}", "{{ table('departments').clear() }}"):
        assert refused(wrong, **context(loaded)).code in ("template.forbidden", "template.undefined")


def test_a_row_or_table_that_is_not_there_says_so() -> None:
    loaded = load_flow(files(template="{{ table('departments') }}"))
    row = refused("{{ table('departments')['9'].number }}", **context(loaded))
    assert (row.code, row.message) == ("template.undefined", "the table has no row '9'")
    assert ".get(" in row.hint
    column = refused("{{ table('departments')['1'].nmber }}", **context(loaded))
    assert "no attribute 'nmber'" in column.message
    table = refused("{{ table('departmnts') }}", **context(loaded))
    assert (table.code, table.hint) == ("template.data", "did you mean departments?")


def test_a_whole_table_or_row_is_nothing_to_write() -> None:
    loaded = load_flow(files(template="{{ table('departments') }}"))
    for what in ("table('departments')", "table('departments')['1']"):
        assert "cannot be written" in refused("{{ " + what + " }}", **context(loaded)).message


def test_semicolons_a_mark_in_front_and_quotes_are_read() -> None:
    data = b'\xef\xbb\xbfkey;name\r\n1;"Sales, EMEA"\r\n\r\n2;"say ""hi"""\r\n'
    rows = read_tables("s", {"s/d.csv": data})[0]["d"]
    assert [row["name"] for row in rows.values()] == ["Sales, EMEA", 'say "hi"']


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        ("key,name\n1,Sales,extra\n", 2, "3 values for 2 columns"),
        ("key,name\n1\n", 2, "1 values for 2 columns"),
        ("key,name\n1,A\n1,B\n", 3, "1 is given twice"),
        ("key,name\n,A\n", 2, "a row without its key"),
        ("key,Phone Number\n", 1, "call it phone_number"),
        ("key,items\n1,x\n", 1, "method of the row"),
        ("key,a,a\n1,x,y\n", 1, "given twice"),
        ('key,name\n1,"open\n', 2, "is no CSV"),
        (b"key,name\n1,caf\xe9\n", 2, "not UTF-8"),
        ("", None, "is empty"),
        ("key\n" + "".join(f"{n}\n" for n in range(MAX_ROWS + 1)), None, "at most 10000"),
        (b"x" * 1_000_001, None, "at most 1000000"),
    ],
)
def test_mistakes_in_a_csv_file_are_said_at_their_line(data: str | bytes, line: int | None, message: str) -> None:
    problems = read_tables("s", {"s/d.csv": data.encode() if isinstance(data, str) else data})[1]
    assert problems
    assert (problems[0].line, problems[0].file, problems[0].severity) == (line, "s/d.csv", "error")
    assert message in problems[0].message


@pytest.mark.parametrize(
    ("toml", "line", "message"),
    [
        ("number = 1", 1, "number is no row"),
        ("[a]\nx = { y = 1 }", 2, "a.x must be text"),
        ("[a]\nx = [[1]]", 2, "a.x must be text"),
        ("[a]\nX = 1", 2, "small letters"),
        ("[a]\nx = ", 2, "no value"),
    ],
)
def test_mistakes_in_a_toml_file_are_said_at_their_line(toml: str, line: int, message: str) -> None:
    problems = read_tables("s", {"s/d.toml": toml.encode()})[1]
    assert problems[0].line == line
    assert message in problems[0].message


@given(st.text(max_size=300), st.sampled_from(["csv", "toml"]))
def test_no_file_breaks_the_reader(data: str, kind: str) -> None:
    read_tables("s", {f"s/d.{kind}": data.encode("utf-8", "surrogatepass")})


def test_two_files_of_one_table_are_one_too_many_and_a_flows_own_comes_before_a_shared_one() -> None:
    tables, problems = read_tables("s", {"s/d.csv": CSV.encode(), "s/d.toml": TOML.encode()})
    assert "also in d.csv" in problems[0].message
    tables, problems = read_tables("s", {"s/d.csv": CSV.encode(), "_shared/d.csv": b"key\n9\n", "s/flow.toml": b""})
    assert (list(tables), list(tables["d"]), problems) == (["d"], ["1", "2"], [])


def test_files_that_no_template_uses_as_tables_are_left_alone() -> None:
    assert load_flow(files(table="not,a\ntable", template="<R/>")).problems == ()


def test_the_numbers_of_a_table_may_be_dialled_also_of_a_shared_one_and_each_row_is_tried(tmp_path: Path) -> None:
    for number, name in enumerate(("departments.csv", "_shared/departments.csv")):
        found = explored(tmp_path / str(number), {"answer.xml": DIAL, "bye.xml": BYE, name: CSV})
        assert lines(found) == []
        dialled = {text for seen in found.seen for text in ("50123", "50124") if text in seen.composed.text}
        assert dialled == {"50123", "50124"}


def test_a_wrong_number_in_one_row_is_found_at_check(tmp_path: Path) -> None:
    found = explored(tmp_path, {"answer.xml": DIAL, "bye.xml": BYE, "departments.csv": CSV + "3,Board,12\n"})
    (problem,) = errors_in(found.problems)
    assert problem.code.startswith("grammar.")
    assert "pressed 3" in problem.message


def test_shared_tables_that_a_flow_does_not_use_allow_it_nothing(tmp_path: Path) -> None:
    template = DIAL.replace('table("departments").get(input.digits)', '{"name": "x", "number": params.to}')
    toml = "[params.to]\ntype = 'phone'\ndefault = '+442071838750'\n"
    used = explored(tmp_path / "a", {"answer.xml": template, "bye.xml": BYE, "flow.toml": toml, "_shared/d.csv": CSV})
    assert used.flow.written != ()
    assert not any("+14155550123" in written for written in used.flow.written)
