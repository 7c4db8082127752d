"""One control request as the actions see it, and what several of them need."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import request

from ..calls import Leg
from ..reading import read_body

if TYPE_CHECKING:
    from ..platform import Platform
    from ..server import Simulator

SETTLE_SECONDS = 30.0
REAL_SETTLE_SECONDS = 1.0  # while a web application takes its time, everybody else goes on
MAX_BODY = 100_000_000  # thousands of captures to replay


@dataclass(frozen=True)
class Asked:
    """`ids` are the path's variable segments."""

    simulator: Simulator
    ids: tuple[str, ...] = ()

    @property
    def platform(self) -> Platform:
        return self.simulator.platform

    @property
    def args(self) -> Mapping[str, str]:
        return request.args

    def body(self, *known: str) -> dict[str, Any]:
        """The request's JSON object; with `known`, nothing else may be in it."""
        raw = read_body(request.stream, MAX_BODY)
        try:
            body = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            raise ValueError("the body is not valid JSON") from None
        if not isinstance(body, dict):
            raise ValueError("the body is not a JSON object")
        unknown = [name for name in body if known and name not in known]
        if unknown:
            raise ValueError(f"unknown field {unknown[0]}: one of {', '.join(known)}")
        return body

    def settle(self) -> None:
        """What was asked for has happened, at this same virtual instant, when the answer is given."""
        real = self.platform.clock.mode == "real"
        self.platform.engine.settle(REAL_SETTLE_SECONDS if real else SETTLE_SECONDS)

    def leg(self) -> Leg:
        """The leg the path names, ended or not."""
        leg = self.platform.legs.get(self.ids[0])
        if leg is None:
            raise LookupError(f"no call or leg {self.ids[0]}")
        return leg

    def live_leg(self) -> Leg:
        leg = self.leg()
        if leg.ended_at is not None:
            raise ValueError(f"call {leg.call_uuid} has ended")
        return leg

    def clock(self, **more: Any) -> dict[str, Any]:
        clock = self.platform.clock
        now = clock.now()
        return {"now": round(now, 3), "time": clock.as_datetime(now).isoformat(), "mode": clock.mode, **more}


Action = Callable[[Asked], Any]  # returns a Response, or what becomes JSON
Routes = Mapping[tuple[str, str], Action]  # (method, path below /-/sim/; * is an id)


def root(leg: Leg) -> Leg:
    """The A leg of the call that `leg` belongs to."""
    return leg if leg.parent is None else root(leg.parent)
