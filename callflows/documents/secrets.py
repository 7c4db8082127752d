"""What a document holds that nobody but the platform may read."""

from __future__ import annotations

import re

PASSWORD = "sipAuthPassword"  # noqa: S105 - an attribute's name

_VALUE = re.compile(rf"""({PASSWORD}\s*=\s*)(?:"[^"]*"?|'[^']*'?)""")


def without_secrets(text: str) -> str:
    """A document for records and logs: passwords are `***`."""
    return _VALUE.sub(r'\1"***"', text) if PASSWORD in text else text
