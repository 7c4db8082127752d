"""Virtual time: what the simulated platform believes the time is. Does not know calls, threads or HTTP.

Three modes. `manual`: time moves only when told to. `auto`: time jumps to whatever happens next. `real`: the wall
clock. Every instant is a float, seconds since the clock's epoch, so that a transcript starts at 0.0.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

MODES = ("manual", "auto", "real")
EPOCH = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)


class Clock:
    def __init__(self, mode: str = "manual", epoch: datetime = EPOCH) -> None:
        self.epoch = epoch
        self._now = 0.0
        self._anchor = time.monotonic()
        self.mode = ""
        self.set_mode(mode)

    def set_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"unknown clock mode {mode!r}: one of {', '.join(MODES)}")
        self._now = self.now()
        self._anchor = time.monotonic()
        self.mode = mode

    def now(self) -> float:
        return self._now + (time.monotonic() - self._anchor if self.mode == "real" else 0.0)

    def reach(self, instant: float) -> None:
        """Move forward to `instant`; never backward."""
        now = self.now()
        if instant > now:
            self._now += instant - now

    def as_datetime(self, instant: float) -> datetime:
        return self.epoch + timedelta(seconds=instant)
