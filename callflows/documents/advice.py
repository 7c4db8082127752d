"""Hints: what to write in place of a value, or of an attribute, that a platform does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .numbers import SPACE
from .schema import SimpleType

# What people bring along from the other input element, the other platform or another vendor.
ATTRIBUTES: Mapping[tuple[str, str], str] = {
    ("GetInput", "timeout"): "executionTimeout",
    ("GetInput", "digitTimeout"): "digitEndTimeout",
    ("GetInput", "speechTimeout"): "speechEndTimeout",
    ("GetInput", "input"): "inputType",
    ("GetInput", "type"): "inputType",
    ("Gather", "timeout"): "executionTimeout",
    ("Gather", "digitTimeout"): "digitEndTimeout",
    ("Gather", "speechTimeout"): "speechEndTimeout",
    ("Gather", "input"): "inputType",
    ("Gather", "type"): "inputType",
    ("GetDigits", "executionTimeout"): "timeout",
    ("GetDigits", "digitEndTimeout"): "digitTimeout",
    ("Conference", "maxParticipants"): "maxMembers",
    ("Conference", "maxMembers"): "maxParticipants",
    ("Conference", "waitUrl"): "waitSound",
}
_BETWEEN = re.compile(r"[\s().-]+")
_UNIT = re.compile(r"([0-9]+) ?(?:s|sec|secs|seconds|ms)", re.IGNORECASE)
_LONGEST = 80


def fitting(value: str, kind: SimpleType) -> str:
    """The value somebody may have meant, where only what stands around it is wrong; or ""."""
    value = value.strip(SPACE)
    if not value or len(value) > _LONGEST:
        return ""
    return next((other for other in _others(value) if other != value and kind.accepts(other)), "")


def _others(value: str) -> Iterator[str]:
    for other in ("dtmf speech", value.strip()):
        if sorted(re.split("[ ,]+", value.lower())) == sorted(other.split()):
            yield other
    if re.fullmatch(r"\+[0-9]{7,15}", digits := _BETWEEN.sub("", value)):  # a phone number as people write it
        yield digits
    if (unit := _UNIT.fullmatch(value)) is not None:
        yield unit[1]
    if value.isdigit():
        yield f"{value}s"
    if "@" in value:
        yield f"sip:{value}"
    if value.isalpha() and value[:1].isupper():
        yield f"Polly.{value}"


def general(value: str, kind: SimpleType, default: str | None, *, optional: bool) -> str:
    """For a value that is like none."""
    value = value.strip(SPACE)
    if "URL" in kind.what:
        scheme = "wss" if "wss" in kind.what else "https"
        if not value:
            return f"write {scheme}://host/path" + ", or leave it out" * optional
        if " " in value:
            return "write %20 for a space"
        if "://" not in value:
            return f"write the whole address, {scheme}://host/path"
        return f"write it as {scheme}://host/path, with % and two digits for other characters"
    if default:
        return f"leave it out for the default, {default}, or write {kind.what}"
    return f"write {kind.what}" + ", or leave it out" * optional
