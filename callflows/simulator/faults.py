"""Faults of the REST API on demand: what a platform does on a bad day. Each is good for a number of requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass

KINDS = {
    "500-after-acting": "does what was asked, then answers 500",
    "429": "refuses: too many requests",
    "timeout": "does what was asked; the answer comes only after `seconds`",
    "never-fetch": "answers a transfer 202 and then does nothing",
    "html-502": "a gateway's HTML page, nothing done",
}


@dataclass
class Fault:
    kind: str
    count: int = 1
    seconds: float = 30.0


class Faults:
    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self._stopped = threading.Event()

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def take(self, *, transfer: bool) -> Fault | None:
        """The first fault that applies, used up by one; the caller holds the platform's lock."""
        for fault in self.pending:
            if fault.kind != "never-fetch" or transfer:
                fault.count -= 1
                if fault.count <= 0:
                    self.pending.remove(fault)
                return fault
        return None

    def linger(self, fault: Fault) -> None:
        self._stopped.wait(fault.seconds)

    def stop(self) -> None:
        self._stopped.set()
