"""The simulator's own controls, under /-/sim/: clock, people, switches, faults, transcript, replay.

JSON, loopback only, no authentication. `desk` answers the requests; each other file adds a table of routes. The first
line of an action's docstring is what `GET /-/sim/` says about it.
"""

from __future__ import annotations

from .desk import control

__all__ = ["control"]
