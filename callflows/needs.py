"""What a step needs beside its request (`needs = ["store"]` in flow.toml): read while a caller waits, in bounded time.

A database may hang in ways that nobody can interrupt, so it is read on a thread that may be left behind (bounded.py).
"""

from __future__ import annotations

import logging
import time

from .bounded import Reader
from .errors import StoreError
from .flows import OtherLeg
from .store import Store, open_store

log = logging.getLogger("callflows.needs")

READ_SECONDS = 0.2
READERS = 4  # threads of a process that may read at a time, or hang
_TOLD_EVERY_S = 10.0


class Needs:
    """Nothing is opened before the first question. With connections of its own: who reads long lists does not keep a
    caller waiting for one."""

    def __init__(self, store_url: str) -> None:
        self._store = open_store(store_url)
        self._reader = Reader(READERS, lambda: StoreError(f"the store did not answer within {READ_SECONDS:g} s"))
        self._told = -_TOLD_EVERY_S

    def other_leg(self, transfer_id: str, leg: str, seconds: float) -> OtherLeg:
        """Raise StoreError when it cannot be known within the seconds, or READ_SECONDS."""
        try:
            return self._reader.read(lambda: other_leg(self._store, transfer_id, leg), min(seconds, READ_SECONDS))
        except Exception as error:  # whatever it is, the caller is answered
            if time.monotonic() - self._told >= _TOLD_EVERY_S:
                self._told = time.monotonic()
                log.warning("steps that need the store are answered with their default: %s", error)
            raise error if isinstance(error, StoreError) else StoreError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._reader.close()
        self._store.close()


def other_leg(store: Store, transfer_id: str, leg: str) -> OtherLeg:
    """As flows see it: who has hung up is not there any more, whatever was fetched."""
    found = store.partner(transfer_id, leg)
    if found.ended:
        return OtherLeg(ended="yes")
    return OtherLeg(fetched="yes" if found.fetched else "")
