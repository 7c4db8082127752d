"""A table of calls, as a file has it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import RequestInvalid
from ..models import Leg
from ..suggest import did_you_mean

OWN_COLUMNS = ("call_uuid", "provider", "aleg", "bleg")
MAX_ROWS = 100_000


class Fault(NamedTuple):
    """What is wrong, and where. `line` 0: nowhere in a file; `column` "" where no single one is to blame."""

    line: int
    column: str
    message: str
    code: str = RequestInvalid.code

    def __str__(self) -> str:
        where = [f"line {self.line}"] * bool(self.line) + [f"column {self.column}"] * bool(self.column)
        return f"{', '.join(where)}: {self.message}" if where else self.message


@dataclass(frozen=True, slots=True)
class Row:
    number: int  # from 1, without the header and blank lines
    line: int
    call_uuid: str
    provider: str = ""
    legs: Mapping[Leg, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Table:
    """`faults` are of the file as such: with any of them it is not what its author meant, and nothing is done."""

    rows: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()  # those that must be params
    faults: list[Fault] = field(default_factory=list)


def name_of(data: bytes) -> str:
    """The batch's name where none is given: the same file continues itself."""
    return f"file-{hashlib.sha256(data).hexdigest()[:16]}"


def read(data: bytes) -> Table:
    """A table of calls as spreadsheets write it: `,` `;` or tabs, any line ends, UTF-8 or UTF-16 with a mark."""
    table = Table()
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 0 if utf16 else data[: error.start].count(b"\n") + 1
        hint = "save the file as CSV in UTF-8"
        table.faults.append(Fault(line, "", f"is not {error.encoding} (byte 0x{data[error.start]:02X}): {hint}"))
        return table
    if "\0" in text:
        table.faults.append(Fault(text[: text.index("\0")].count("\n") + 1, "", "has a NUL: this is no CSV file"))
        return table
    heading = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read_rows(table, reader)
    except csv.Error as error:
        table.faults.append(Fault(reader.line_num, "", f"cannot be read as CSV: {error}"))
    return table


def _read_rows(table: Table, reader: Any) -> None:
    columns: list[str] | None = None
    lines: dict[str, int] = {}
    end = 0
    for cells in reader:
        line, end = end + 1, reader.line_num
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if columns is None:
            columns = _header(table, line, cells)
            if table.faults:
                return
            continue
        if any(cells[len(columns) :]):
            table.faults.append(Fault(line, "", f"has {len(cells)} cells, but the header {len(columns)}"))
            continue
        values = {name: value for name, value in zip(columns, cells, strict=False) if name and value}
        call_uuid = values.get("call_uuid", "")
        if not call_uuid:
            table.faults.append(Fault(line, "call_uuid", "is empty: each row needs the call it moves"))
        elif call_uuid in lines:
            table.faults.append(Fault(line, "call_uuid", f"{call_uuid} stands in line {lines[call_uuid]} already"))
        lines.setdefault(call_uuid, line)
        if len(table.rows) == MAX_ROWS:
            table.faults.append(Fault(line, "", f"is one row too many: at most {MAX_ROWS} go; split the file"))
            return
        legs = {leg: values[leg] for leg in Leg if leg in values}
        params = {name: value for name, value in values.items() if name not in OWN_COLUMNS}
        table.rows.append(Row(len(table.rows) + 1, line, call_uuid, values.get("provider", ""), legs, params))
    if not table.rows and not table.faults:
        table.faults.append(Fault(0, "", "there are no rows" if columns else "the file is empty"))


def _header(table: Table, line: int, cells: list[str]) -> list[str]:
    for position, name in enumerate(cells, 1):
        if name and cells.index(name) != position - 1:
            table.faults.append(Fault(line, name, "stands there twice"))
    if "call_uuid" not in cells:
        meant = did_you_mean("call_uuid", [cell.lower() for cell in cells])
        there = ", ".join(filter(None, cells))[:200]
        hint = "call it call_uuid" if meant else "the first line names the columns"
        table.faults.append(Fault(line, "call_uuid", f"is missing; there are {there} ({hint})"))
    table.columns = tuple(name for name in cells if name and name not in OWN_COLUMNS)
    return cells
