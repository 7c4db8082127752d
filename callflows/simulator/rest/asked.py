"""One request as the resources see it: what was asked, of which platform, and how to answer or refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response

from ..calls import Leg
from ..document import is_http_url

if TYPE_CHECKING:
    from ..platform import Platform

MAX_PAGE = 20


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

    # -- reading the body; what makes no sense is a 400

    def text(self, name: str, default: str = "") -> str:
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(400, f"{name} parameter is invalid: a string")
        return value or default

    def choice(self, name: str, values: tuple[str, ...]) -> str:
        """The first is the default."""
        value = self.body.get(name) or values[0]
        if value not in values:
            raise Refused(400, f"{name} parameter is invalid: one of {', '.join(values)}")
        return str(value)

    def flag(self, name: str, default: bool) -> bool:
        """SDKs send true as JSON has it or as a word."""
        value: Any = self.body.get(name)
        if isinstance(value, str):
            value = {"true": True, "false": False, "": None}.get(value.lower(), value)
        if value is not None and not isinstance(value, bool):
            raise Refused(400, f"{name} parameter is invalid: true or false")
        return default if value is None else value

    def callback(self, name: str) -> tuple[str, str]:
        """URL, perhaps empty, and method."""
        url, method = self.text(f"{name}_url"), self.text(f"{name}_method", "POST").upper()
        if url and not is_http_url(url):
            raise Refused(400, f"{name}_url parameter is not a valid URL")
        if method not in ("GET", "POST"):
            raise Refused(400, f"{name}_method parameter is invalid: one of GET, POST")
        return url, method

    # -- reading the query

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        text = self.args.get(name, "")
        if text == "":
            return default
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise Refused(400, f"{name} parameter is invalid: a whole number from {low} to {high}")
        return int(text)

    def page(self, default_limit: int) -> tuple[int, int]:
        """Limit and offset."""
        return self.whole("limit", 1, MAX_PAGE, default_limit), self.whole("offset", 0, 10**9, 0)


Action = Callable[[Asked], Response]
Routes = Mapping[tuple[str, str], Action]  # (method, path below the account; * is an id) -> what answers
