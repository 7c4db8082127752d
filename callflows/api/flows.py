"""The flows, for programs that fill in their params."""

from __future__ import annotations

from typing import Any

from .. import providers
from ..bearer import Scope
from ..flows.schema import params_schema
from ..models import Leg
from ..runtime import Runtime
from . import models
from .endpoints import Answer, Request, endpoint
from .errors import ApiError


@endpoint("GET", "/flows", Scope.READ, {200: models.FlowList})
def listed(request: Request) -> Answer:
    """The flows, each with its params as JSON Schema."""
    return Answer({"flows": [flow_object(request.runtime, name) for name in _names(request.runtime)]})


@endpoint("GET", "/flows/{name}", Scope.READ, {200: models.Flow}, codes=("not_found",))
def show(request: Request) -> Answer:
    """One flow, with its params as JSON Schema."""
    name = request.path["name"]
    if name not in _names(request.runtime):
        raise ApiError("not_found", f"there is no flow {name[:80]!r}")
    return Answer(flow_object(request.runtime, name))


def flow_object(runtime: Runtime, name: str) -> dict[str, Any]:
    """A flow as it is served now; of one that never was live, there are only its problems."""
    flow = runtime.versions.live(name)
    stale = runtime.versions.stale(name)
    entries = [step for step in (*Leg, "answer") if flow and step in flow.steps and flow.steps[step].kind != "sound"]
    return {
        "name": name,
        "title": flow.manifest.title if flow else "",
        "description": flow.manifest.description if flow else "",
        "state": ("stale" if stale else "live") if flow else "broken",
        "problems": [problem.as_object() for problem in stale[1]] if stale else [],
        "version": flow.version if flow else "",
        "providers": list(flow.manifest.providers or providers.NAMES) if flow else [],
        "entries": [str(step) for step in entries],
        "params_schema": params_schema(flow.manifest.params if flow else {}),
    }


def _names(runtime: Runtime) -> list[str]:
    return sorted({*runtime.versions.names(), *runtime.versions.stale_names()})
