"""One request as the resources see it: what was asked, of which platform, and how to answer or refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response

from ..calls import Leg

if TYPE_CHECKING:
    from ..platform import Platform


class Refused(Exception):
    """`content` is for the few refusals whose documented shape is not the usual one."""

    def __init__(self, http_status: int, error: str, content: dict[str, Any] | None = None) -> None:
        self.http_status, self.error, self.content = http_status, error, content


@dataclass
class Asked:
    """`ids` are the path's variable segments. `acting` is False where a fault wants a 202 and nothing done."""

    platform: Platform
    api_id: str
    args: Mapping[str, str]
    ids: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    acting: bool = True

    def json(self, http_status: int, content: dict[str, Any]) -> Response:
        content = content if "api_id" in content else {"api_id": self.api_id, **content}
        return Response(json.dumps(content), http_status, mimetype="application/json")

    def live_leg(self) -> Leg:
        """The call the path names, in progress; 404 otherwise."""
        leg = self.platform.legs.get(self.ids[0])
        if leg is None or not leg.live or leg.status != "in-progress":
            raise Refused(404, "call not found")
        return leg


Action = Callable[[Asked], Response]
Routes = Mapping[tuple[str, str], Action]  # (method, path below the account; * is an id) -> what answers
