"""Bad days to order: of the REST API, and of the way to and from the web application."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..faults import KINDS, Fault
from ..fetching import faults as web
from ..reading import read_number
from .asked import Asked, Routes


def add_fault(asked: Asked) -> Any:
    """`{"rest": KIND}` or `{"web": KIND, "purpose": "answer", "path": "/prefix"}`; also `count`, `seconds`"""
    body = asked.body("rest", "web", "count", "seconds", "purpose", "path")
    if ("rest" in body) == ("web" in body):
        raise ValueError('give either {"rest": KIND} or {"web": KIND}; GET lists the kinds')
    count = int(read_number(body, "count", 1, 1000, 1))
    seconds = read_number(body, "seconds", 0, 600, 30.0)
    if "web" in body:
        return _add_web(asked, body, count, seconds)
    if body["rest"] not in tuple(KINDS):
        raise ValueError(f"rest is one of {', '.join(KINDS)}")
    if "purpose" in body or "path" in body:
        raise ValueError("purpose and path belong to web faults")
    fault = Fault(body["rest"], count, seconds)
    with asked.platform.lock:
        asked.simulator.faults.add(fault)
        return dataclasses.asdict(fault)


def _add_web(asked: Asked, body: dict[str, Any], count: int, seconds: float) -> Any:
    kind, purpose, path = body["web"], body.get("purpose", web.ANY), body.get("path", "")
    if kind not in tuple(web.KINDS):
        raise ValueError(f"web is one of {', '.join(web.KINDS)}")
    if purpose not in web.PURPOSES:
        raise ValueError(f"purpose is one of {', '.join(web.PURPOSES)}")
    if not isinstance(path, str) or not (path == "" or path.startswith("/")):
        raise ValueError("path is the beginning of a URL's path: /...")
    fault = web.WebFault(kind, count, seconds, purpose, path)
    with asked.platform.lock:
        asked.platform.fetcher.faults.add(fault)
        return dataclasses.asdict(fault)


def list_faults(asked: Asked) -> Any:
    """those still pending, and what each kind is"""
    with asked.platform.lock:
        rest = [dataclasses.asdict(fault) for fault in asked.simulator.faults.pending]
        pending = {"rest": rest, "web": [dataclasses.asdict(f) for f in asked.platform.fetcher.faults.pending]}
    return {"pending": pending, "kinds": {"rest": KINDS, "web": web.KINDS}}


def clear_faults(asked: Asked) -> Any:
    """forget those still pending"""
    with asked.platform.lock:
        asked.simulator.faults.pending.clear()
        asked.platform.fetcher.faults.pending.clear()
    return {}


ROUTES: Routes = {("GET", "faults"): list_faults, ("POST", "faults"): add_fault, ("DELETE", "faults"): clear_faults}
