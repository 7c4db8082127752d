"""What no value from outside may bring into a document: characters XML cannot hold, and those we use as marks."""

from __future__ import annotations

import re

# XML 1.0's Char production, less the private-use block our placeholders live in. A lone surrogate is not a Char.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\ue0ff\ufffe\uffff]")


def scrub(text: str) -> str:
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
