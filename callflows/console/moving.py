"""Moving a caller: choose flows, fill in their params, look at what the legs will get, and press Transfer once."""

from __future__ import annotations

import logging
import re
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flask

from .. import transfers as doing
from ..errors import CallflowsError, CallNotLive, OutcomeUnknown, ParamInvalid, PreflightFailed, ProviderError
from ..flows import ENTRY_STEPS, Flow
from ..flows.params import ParamSpec, typed
from ..known.calls import ended, fold
from ..models import Leg, Problem
from .door import bp, operators, page, runtime, session

log = logging.getLogger("callflows.console")

_OPTION = re.compile(r"give --[ab]leg")  # a command's words
_PARAM = "param."  # before a param's name in the form


@dataclass(frozen=True, slots=True)
class Field:
    """One param of the form. `fault` ends the sentence that begins with its name."""

    name: str
    spec: ParamSpec
    flows: tuple[str, ...]
    value: str
    fault: str = ""


@bp.route("/calls/<uuid>/transfer", methods=("GET", "POST"))
@operators
def move(uuid: str) -> flask.Response:
    given = flask.request.values
    chosen = {leg: given.get(str(leg), "") for leg in Leg}
    fields = fields_of(chosen, given)
    if flask.request.method != "POST" or given.get("_fields"):
        return _form(uuid, chosen, fields)
    if not any(chosen.values()):
        return _form(
            uuid, chosen, fields, status=422, why="Choose a flow for the caller, for the other leg, or for both."
        )
    key = given.get("_key", "")
    params = {field.name: field.value for field in fields if field.value != ""}
    try:
        plan = doing.prepare(
            runtime(),
            uuid,
            aleg=chosen[Leg.A],
            bleg=chosen[Leg.B],
            params=params,
            idempotency_key=key or None,
            asked_by=f"console:{session().person.name}",
        )
        if not key:
            warnings = [_OPTION.sub("choose a flow for it", each) for each in plan.warnings]
            key = uuids.uuid4().hex
            return page("confirm.html", uuid=uuid, plan=plan, chosen=chosen, params=params, key=key, warnings=warnings)
        done = doing.request(runtime(), plan)
    except CallNotLive:
        text = "The call has ended meanwhile: there is nobody to move, and nothing was done."
        return _form(uuid, chosen, fields, status=409, why=text)
    except OutcomeUnknown as error:
        log.warning("console: transfer %s by %s: %s", error.transfer_id, session().person.name, error.code)
        return _to(error.transfer_id)
    except CallflowsError as error:
        if isinstance(error, ProviderError) and error.transfer_id:
            log.warning("console: transfer %s by %s: %s", error.transfer_id, session().person.name, error.code)
            return _to(error.transfer_id)
        problems = error.problems if isinstance(error, PreflightFailed) else ()
        told = _told(fields, problems)
        why = "" if isinstance(error, ParamInvalid) and any(field.fault for field in told) else str(error)
        return _form(uuid, chosen, told, status=422, why=why, problems=problems)
    log.info("console: transfer %s of call %s by %s: %s", done.id, uuid, session().person.name, done.status)
    return _to(done.id)


def _to(id: str) -> flask.Response:
    return flask.redirect(flask.url_for("callflows_console.transfer", id=id), 303)  # type: ignore[return-value]


def _form(
    uuid: str,
    chosen: Mapping[Leg, str],
    fields: list[Field],
    *,
    status: int = 200,
    why: str = "",
    problems: tuple[Problem, ...] | list[Problem] = (),
) -> flask.Response:
    state = fold(uuid, runtime().store.exchanges(call_uuids=[uuid], limit=100))
    return page(
        "move.html",
        status,
        uuid=uuid,
        state=state,
        over=ended(state.status),
        targets={leg: _targets(leg) for leg in Leg},
        chosen=chosen,
        fields=fields,
        why=why,
        problems=problems,
    )


def _live_flows() -> list[Flow]:
    versions = runtime().versions
    return [flow for name in versions.names() if (flow := versions.live(name)) is not None]


def _targets(leg: Leg) -> list[tuple[str, str]]:
    """What a leg may be sent to: the flow's entry for it, and its other steps, with the flow's title."""
    found = []
    for flow in _live_flows():
        steps = [name for name, step in flow.steps.items() if step.kind == "call"]
        if leg in steps:
            found.append((flow.name, flow.manifest.title))
        found += [(f"{flow.name}/{name}", flow.manifest.title) for name in steps if name not in ENTRY_STEPS]
    return found


def fields_of(chosen: Mapping[Any, str], given: Mapping[str, str]) -> list[Field]:
    """The params of the flows that were chosen, each once, with what was filled in."""
    versions = runtime().versions
    found: dict[str, Field] = {}
    flows = (versions.live(target.partition("/")[0]) for target in chosen.values() if target)
    for flow in filter(None, flows):
        for name, spec in flow.manifest.params.items():
            of = (*found[name].flows, flow.name) if name in found else (flow.name,)
            value = given.get(f"{_PARAM}{name}", "").strip()
            found[name] = Field(name, spec, tuple(dict.fromkeys(of)), value, _fault(spec, value))
    return list(found.values())


def _fault(spec: ParamSpec, value: str) -> str:
    if flask.request.method != "POST" or flask.request.form.get("_fields"):
        return ""
    if not value:
        return "is needed" if spec.required else ""
    try:
        typed(spec, value)
    except ValueError as error:
        return str(error)
    return ""


def _told(fields: list[Field], problems: tuple[Problem, ...] | list[Problem]) -> list[Field]:
    """What is wrong with a document, at the field whose value it is about."""
    told = []
    for field in fields:
        about = next((p for p in problems if len(field.value) > 3 and field.value.lstrip("+") in p.message), None)
        fault = field.fault or (f"{about.message}. {about.hint}" if about else "")
        told.append(Field(field.name, field.spec, field.flows, field.value, fault))
    return told
