"""What happened, for people and for tests: one entry per event, in virtual time. Knows nothing of how it came about."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TOKEN = re.compile(r"([?&]t=)[^&#\s]+")
_OURS = r"localhost|127(?:\.[0-9]+){3}|\[::1\]|[a-z0-9-]+\.test"  # .test: in this process (RFC 2606)
_HERE = re.compile(rf"https?://(?:{_OURS})(?::[0-9]+)?(/[^\s#]*)(?:#\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    at: float
    call_uuid: str
    leg: str  # "A", "B", or "" where no leg is concerned
    number: str
    kind: str
    text: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "call_uuid": self.call_uuid,
            "leg": self.leg,
            "number": self.number,
            "kind": self.kind,
            "text": self.text,
            **self.details,
        }

    def as_text(self) -> str:
        leg = f"{self.leg} leg" if self.leg else "REST" if self.kind == "rest" else ""
        line = f"{self.at:8.1f}s  {leg:<5}  {self.number:<15}  {shorten(self.text)}".rstrip()
        return _CONTROL.sub(" ", line.encode("utf-8", "replace").decode())  # one event, one line, whatever was said


def shorten(text: str) -> str:
    """What makes URLs unreadable goes: tokens, which are not for everybody's eyes, and of one on this machine, or in
    this process, all but its path and query.
    """
    return _HERE.sub(r"\1", _TOKEN.sub(r"\1…", text))


class Transcript:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(
        self, at: float, kind: str, text: str, *, call_uuid: str = "", leg: str = "", number: str = "", **details: Any
    ) -> None:
        self.entries.append(Entry(round(at, 3), call_uuid, leg, number, kind, text, details))

    def as_list(self, call_uuids: Collection[str] | None = None, since: int = 0) -> list[dict[str, Any]]:
        """The entries from index `since` on; with `call_uuids`, those of these legs."""
        return [entry.as_dict() for entry in self._chosen(call_uuids, since)]

    def as_text(self, call_uuids: Collection[str] | None = None, since: int = 0) -> str:
        return "".join(entry.as_text() + "\n" for entry in self._chosen(call_uuids, since))

    def _chosen(self, call_uuids: Collection[str] | None, since: int) -> list[Entry]:
        return [entry for entry in self.entries[since:] if call_uuids is None or entry.call_uuid in call_uuids]
