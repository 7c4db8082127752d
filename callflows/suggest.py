"""What somebody may have meant: one way to say it, wherever a name is not found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 200  # characters


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean ...?` for a name like one of the known, else `otherwise`."""
    if len(name) > _LONGEST:  # a slip of nothing; difflib would take a while to say so
        return otherwise
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise
