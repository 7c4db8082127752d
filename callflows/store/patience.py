"""psycopg connections that do not wait for ever.

A PostgreSQL that stands still (its disk hangs, its machine is paused, a proxy has lost it) keeps its connections and
says nothing. Its own statement_timeout stands still with it, and the kernel's timeouts see a peer that takes what is
sent.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg


class PatientConnection(psycopg.Connection[Any]):
    """Closed, with an OperationalError, when one exchange with the server takes longer than `patience_s`."""

    patience_s = 3.0

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        return super().wait(self._watched(gen, time.monotonic() + self.patience_s), *args, **kwargs)

    def _watched(self, gen: Any, until: float) -> Any:
        """`gen`, which is resumed with what its socket is ready for, and ten times a second with nothing."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    self.pgconn.finish()  # what would come yet is the answer to nobody's question
                    raise psycopg.OperationalError(f"the server has said nothing for {self.patience_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value
