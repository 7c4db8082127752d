"""How numbers behave, and which reading of the documents the platform follows."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..reading import read_behaviour, read_party
from ..switches import Switches
from .asked import Asked, Routes

ANY = "*"  # the behaviour of every number that has none of its own


def set_number(asked: Asked) -> Any:
    """`{"behaviour": "busy", "after": 3, "keys": [[5, "1"]], ...}`; numbers/* itself is for all others"""
    party, behaviour = _party(asked), read_behaviour(asked.body())
    with asked.platform.lock:
        asked.platform.behaviours[party] = behaviour
    return dataclasses.asdict(behaviour)


def forget_number(asked: Asked) -> Any:
    """back to the usual: answers after 3 seconds"""
    party = _party(asked)
    with asked.platform.lock:
        if asked.platform.behaviours.pop(party, None) is None:
            raise LookupError(f"no behaviour was set for {asked.ids[0]}")
    return {}


def _party(asked: Asked) -> str:
    return ANY if asked.ids[0] == ANY else read_party(asked.ids[0])


def list_numbers(asked: Asked) -> Any:
    """the numbers that behave in a way of their own"""
    with asked.platform.lock:
        return {number: dataclasses.asdict(plan) for number, plan in asked.platform.behaviours.items()}


def forget_numbers(asked: Asked) -> Any:
    """all numbers back to the usual"""
    with asked.platform.lock:
        asked.platform.behaviours.clear()
    return {}


def read_switches(asked: Asked) -> Any:
    """what the documents leave open; ?explain=1 gives values, defaults and reasons"""
    return Switches.explain() if asked.args.get("explain") else asked.platform.switches.as_dict()


def change_switches(asked: Asked) -> Any:
    """`{"other_leg": "keeps-flow", ...}`"""
    changes, platform = asked.body(), asked.platform
    with platform.lock:
        platform.switches = platform.switches.changed(changes)
        return platform.switches.as_dict()


def default_switches(asked: Asked) -> Any:
    """all switches back to this platform's defaults"""
    platform = asked.platform
    with platform.lock:
        platform.switches = Switches.for_provider(asked.simulator.provider)
        return platform.switches.as_dict()


ROUTES: Routes = {
    ("GET", "numbers"): list_numbers,
    ("DELETE", "numbers"): forget_numbers,
    ("PUT", "numbers/*"): set_number,
    ("DELETE", "numbers/*"): forget_number,
    ("GET", "switches"): read_switches,
    ("PATCH", "switches"): change_switches,
    ("DELETE", "switches"): default_switches,
}
