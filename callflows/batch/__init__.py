"""Many live calls moved at once: a table is read, everything in it is checked, then the rows are asked for, paced.

    bytes -> read() -> rows -> check() -> those that may go -> Run.outcomes(): asked once each, told as they finish

Each row's idempotency key is `<batch>:<call UUID>`, whatever line the call stands in, so that a batch that is run
again (the same file, an edited one, another listing of the live calls) never moves a call twice. Only what surely was
not sent is asked for again, under the key's next number.
"""

from __future__ import annotations

from .checking import Checked, check, fill_in
from .reading import Fault, Row, Table, name_of, read
from .running import ACCEPTED, NOT_SENT, NOT_TRIED, RATE, REFUSED, REJECTED, UNKNOWN, ErrorLimit, Outcome, Run

__all__ = [
    "ACCEPTED",
    "NOT_SENT",
    "NOT_TRIED",
    "RATE",
    "REFUSED",
    "REJECTED",
    "UNKNOWN",
    "Checked",
    "ErrorLimit",
    "Fault",
    "Outcome",
    "Row",
    "Run",
    "Table",
    "check",
    "fill_in",
    "name_of",
    "read",
]
