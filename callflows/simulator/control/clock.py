"""Time: starting afresh, and moving the clock."""

from __future__ import annotations

from typing import Any

from ..clock import MODES
from ..reading import read_number
from ..switches import Switches
from .asked import Asked, Routes

RUN_SECONDS = 3600.0


def reset(asked: Asked) -> Any:
    """forget all calls; with `{"clock": "auto", "seed": 7, "switches": {...}}`, from now on so"""
    body = asked.body("clock", "seed", "switches")
    if "clock" in body:
        _mode(body["clock"])
    if "seed" in body and (isinstance(body["seed"], bool) or not isinstance(body["seed"], int)):
        raise ValueError("seed is a whole number")
    if "switches" in body:
        if not isinstance(body["switches"], dict):
            raise ValueError("switches is an object: name to value")
        Switches.for_provider(asked.simulator.provider, body["switches"])
    asked.simulator.reset(**body)
    return asked.clock()


def read_clock(asked: Asked) -> Any:
    """the virtual time"""
    return asked.clock()


def set_clock(asked: Asked) -> Any:
    """`{"advance": 20}`, `{"mode": "real"}` (or manual, auto), or `{"run": true, "limit": 3600}`"""
    body = asked.body("advance", "mode", "run", "limit")
    if not body:
        raise ValueError('give {"advance": seconds}, {"mode": "..."} or {"run": true}')
    platform = asked.platform
    advance = read_number(body, "advance", 0, 1e6) if "advance" in body else None
    limit = read_number(body, "limit", 0, 1e6, RUN_SECONDS)
    if "mode" in body:
        mode = _mode(body["mode"])
        with platform.lock:
            platform.clock.set_mode(mode)
            platform.lock.notify_all()
    if advance is not None:
        platform.engine.advance(advance)
    if body.get("run"):
        return asked.clock(idle=platform.engine.run(limit))
    asked.settle()
    return asked.clock()


def _mode(mode: Any) -> str:
    if mode not in MODES:
        raise ValueError(f"the clock's mode is one of {', '.join(MODES)}")
    return str(mode)


ROUTES: Routes = {("POST", "reset"): reset, ("GET", "clock"): read_clock, ("POST", "clock"): set_clock}
