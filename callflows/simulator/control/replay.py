"""Captured requests, sent again."""

from __future__ import annotations

from typing import Any

from ..replay import replay
from .asked import Asked, Routes


def send_again(asked: Asked) -> Any:
    """`{"url": where, "captures": [...], "sign": true}`: captured requests, sent again and judged"""
    body = asked.body("url", "captures", "sign")
    sign = body.get("sign", True)
    if not isinstance(sign, bool):
        raise ValueError("sign is true or false")
    return replay(asked.simulator, body.get("captures"), body.get("url"), sign=sign)


ROUTES: Routes = {("POST", "replay"): send_again}
