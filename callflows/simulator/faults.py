"""Faults of the REST API on demand: what a platform does on a bad day. Each is good for a number of requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

# every status that one of the official SDKs tells apart, and those it lumps together
STATUSES = (400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503)
KINDS = {
    **{str(status): f"refuses with {status} in the platform's error shape, nothing done" for status in STATUSES},
    "html-502": "a gateway's HTML page, nothing done",
    "reset-before": "the connection is reset, nothing done",
    "reset-after": "does what was asked, then the connection is reset",
    "500-after-acting": "does what was asked, then answers 500",
    "timeout": "does what was asked; the answer comes only after `seconds`",
    "slow-body": "does what was asked; the body takes `seconds` to arrive",
    "never-fetch": "answers a transfer 202 and then does nothing",
}
NOTHING_DONE = frozenset((*map(str, STATUSES), "html-502", "reset-before"))
NO_WAITING = frozenset(("timeout", "slow-body", "reset-before", "reset-after"))  # things go on before the answer is out
_PIECES = 10


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

    def trickle(self, fault: Fault, body: bytes) -> Iterator[bytes]:
        """`body` in pieces, over the fault's `seconds` by the wall clock."""
        size = max(1, -(-len(body) // _PIECES))
        for start in range(0, len(body), size):
            self._stopped.wait(fault.seconds / _PIECES)
            yield body[start : start + size]

    def stop(self) -> None:
        self._stopped.set()


def reset() -> Iterator[bytes]:
    """The body of an answer that never comes: the server resets the connection (see server.py)."""
    raise ConnectionResetError("a fault was asked for")
    yield b""
