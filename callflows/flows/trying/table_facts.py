"""What templates can tell apart in the tables they look into, as the facts of a template (facts.py)."""

from __future__ import annotations

from collections.abc import Mapping

from ..tables import LookupTable
from .facts import KEYS, LENGTH, Facts, Operand

TABLES = "#tables"  # stands where a template's name does


def facts_of_tables(tables: Mapping[str, LookupTable]) -> Facts:
    """What templates can tell apart in the tables they look into: their keys, and what stands in each column."""
    facts = Facts()
    for name, table in tables.items():
        keys = [Operand(key, 0) for key in table]
        path = f"table.{name}"
        facts.aliases |= {path: keys, f"{path}.{KEYS}": keys, f"{path}.{LENGTH}": [Operand(len(keys), 0)]}
        for column in table.columns():
            cells = [cell for cell in dict.fromkeys(table.column(column)) if isinstance(cell, str | int | float)]
            facts.aliases[f"{path}.#1.{column}"] = [Operand(cell, 0) for cell in cells]
    return facts
