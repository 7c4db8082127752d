"""Tables beside a flow: `table("departments")` is departments.csv or .toml, in the flow's folder or in _shared/.

A CSV file has the columns' names in its first line, and each row's key in its first column. In TOML each `[key]` is a
row. A row gives its columns: `table("departments").sales.number`; `table("departments").get(input.digits)` is the
row, or nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from types import MappingProxyType

from ..models import Problem
from .filters import MAPPING_METHODS
from .sources import SHARED
from .toml_places import not_utf8, placed, read_file

MAX_BYTES = 1_000_000
MAX_ROWS = 10_000
NOT_TABLES = frozenset(("flow.toml", "hours.toml"))
_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")

Cell = str | int | float | bool | tuple[str | int | float | bool, ...]
Row = Mapping[str, Cell]


class LookupTable(Mapping[str, Row]):
    """Rows by key, in the order of the file. Never weighed as a whole: its size is bounded where it is read."""

    def __init__(self, name: str, rows: Mapping[str, Row]) -> None:
        self.name = name
        self._rows = rows

    def __getitem__(self, key: str | int) -> Row:
        return self._rows[str(key) if isinstance(key, int) else key]  # a param may be a number

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> list[Cell]:
        return [row[name] for row in self._rows.values() if name in row]

    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self._rows.values() for name in row))


def table_files(flow: str, files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Which files are tables, by the table's name. The flow's own come instead of shared ones."""
    found: dict[str, list[str]] = {}
    for folder in (SHARED, flow):
        own: dict[str, list[str]] = {}
        for path in sorted(files):
            where, _, file = path.rpartition("/")
            if where == folder and file.endswith((".csv", ".toml")) and file not in NOT_TABLES:
                own.setdefault(file.rpartition(".")[0], []).append(path)
        found |= own
    return found


def read_tables(flow: str, files: Mapping[str, bytes]) -> tuple[dict[str, LookupTable], list[Problem]]:
    """Every table of a flow; rows with mistakes are left out, and told at their place."""
    tables: dict[str, LookupTable] = {}
    problems: list[Problem] = []
    for name, paths in table_files(flow, files).items():
        if len(paths) > 1:
            message = f"the table {name} is also in {paths[0].rpartition('/')[2]}"
            problems.append(Problem.error("flow.table", message, paths[1], None, "keep one of the two files"))
        path = paths[0]
        rows, found = (_of_csv if path.endswith(".csv") else _of_toml)(files[path], path)
        problems += found
        if len(rows) > MAX_ROWS:
            problems.append(Problem.error("flow.table", f"{len(rows)} rows; at most {MAX_ROWS}", path))
        tables[name] = LookupTable(name, rows)
    return tables, problems


def _of_toml(data: bytes, file: str) -> tuple[dict[str, Row], list[Problem]]:
    values, places, problems = read_file(data, file, MAX_BYTES)
    rows: dict[str, Row] = {}
    for key, row in values.items():
        if not isinstance(row, dict):
            problem = Problem.error(
                "flow.table", f"{key} is no row", file, None, f"write [{key}], and its columns below"
            )
            problems.append(places.problem(problem, (key,)))
            continue
        cells: dict[str, Cell] = {}
        for column, value in row.items():
            cell = _cell(value)
            fault = _column_fault(column) or (
                "" if cell is not None else "must be text, a number, true or false, or a list"
            )
            if cell is None or fault:
                problem = Problem.error("flow.table", f"{key}.{column} {fault}", file)
                problems.append(places.problem(problem, (key, column)))
                continue
            cells[column] = cell
        rows[key] = MappingProxyType(cells)
    return rows, problems


def _cell(value: object) -> Cell | None:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return tuple(value)
    return None


def _of_csv(data: bytes, file: str) -> tuple[dict[str, Row], list[Problem]]:
    if len(data) > MAX_BYTES:
        return {}, [Problem.error("flow.table", f"{len(data)} bytes; at most {MAX_BYTES}", file)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return {}, [not_utf8(data, error.start, file, data.decode("utf-8", "replace").splitlines())]
    lines = text.splitlines()
    head = lines[0] if lines else ""
    # a spreadsheet writes semicolons where the comma is in numbers
    reader = csv.reader(lines, delimiter=";" if ";" in head and "," not in head else ",", strict=True)
    problems: list[Problem] = []

    def wrong(message: str, hint: str = "", line: int = 0) -> None:
        problems.append(placed(Problem.error("flow.table", message, file, None, hint), lines, line or reader.line_num))

    rows: dict[str, Row] = {}
    columns: Sequence[str] = ()
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not columns:
                columns = cells
                for name in columns:
                    if fault := _column_fault(name) or ("is given twice" if columns.count(name) > 1 else ""):
                        wrong(f"the column {name!r} {fault}")
            elif len(cells) != len(columns):
                wrong(f"{len(cells)} values for {len(columns)} columns", f"the columns are {', '.join(columns)}")
            elif not cells[0]:
                wrong(f"a row without its {columns[0]}", "the first column is the row's key")
            elif cells[0] in rows:
                wrong(f"{cells[0]} is given twice", "keep one of the two rows")
            else:
                rows[cells[0]] = MappingProxyType(dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        wrong(f"is no CSV: {error}")
    if not columns:
        problems.append(Problem.error("flow.table", "is empty", file, None, "name the columns in the first line"))
    return rows, list(dict.fromkeys(problems))


def _column_fault(name: str) -> str:
    if name in MAPPING_METHODS:
        return "cannot be called so: it is a method of the row"
    if _COLUMN.fullmatch(name):
        return ""
    better = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    better = f": call it {better}" if _COLUMN.fullmatch(better) else ""
    return f"needs a name of small letters, digits and _{better}"
