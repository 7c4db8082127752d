"""What can be known of each row before a call is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .. import transfers
from ..errors import CallflowsError, ConfigError, FlowNotFound, ParamInvalid, RequestInvalid, StoreError
from ..flows import Flow
from ..flows.params import typed
from ..models import Leg
from ..runtime import Runtime
from ..suggest import did_you_mean
from ..targets import choose_provider, find_flow, find_target
from .reading import OWN_COLUMNS, Fault, Row, Table


@dataclass(slots=True)
class Checked:
    """`refused` has the rows that stay where they are, with what is wrong with each."""

    ready: list[Row] = field(default_factory=list)
    refused: list[tuple[Row, list[Fault]]] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)


def fill_in(
    table: Table, *, provider: str, legs: Mapping[Leg, str], params: Mapping[str, str], runtime: Runtime
) -> None:
    """What rows leave out is taken from here, a param only by flows that have it. What no flow has is a fault."""
    if not runtime.versions.names():
        runtime.publisher.publish_all()  # nobody serves from this STATE_DIR yet
        if not runtime.versions.names():
            raise FlowNotFound("there are no flows", hint="see CALLFLOWS_TEMPLATES and `callflows flows check`")
    found: dict[str, Mapping[str, object]] = {}
    asked: set[tuple[str, ...]] = set()
    for number, row in enumerate(table.rows):
        row = replace(row, provider=row.provider or provider, legs={**legs, **row.legs})
        flows = tuple({text.partition("/")[0]: None for text in row.legs.values()})
        for name in flows:
            if name not in found:
                try:
                    found[name] = find_flow(runtime, name).manifest.params
                except CallflowsError:
                    found[name] = {}  # check() says so, where the row names it
        asked.add(flows)
        own = {name for flow in flows for name in found[flow]}
        filled = {name: value for name, value in params.items() if name in own}
        table.rows[number] = replace(row, params={**filled, **row.params})
    declared = {name for specs in found.values() for name in specs}
    if not found:
        return
    there_are = f"they have {', '.join(sorted(declared))}" if declared else "they have none"
    for where, names in ((1, table.columns), (0, tuple(params))):
        for name in names:
            if name not in declared:
                meant = did_you_mean(name, (*declared, *OWN_COLUMNS), there_are)
                what = "is no param" if where else f"--set {name}: is no param"
                text = f"{what} of {', '.join(found)}: {meant}"
                table.faults.append(Fault(where, name if where else "", text, ParamInvalid.code))


def check(runtime: Runtime, rows: Sequence[Row], told: Callable[[int], None] = lambda _: None) -> Checked:
    """Each row's preflight. Raise what is wrong with all of them alike: the settings, the store."""
    runtime.settings.require_public_url()
    checked = Checked()
    for row in rows:
        faults = _faults_of(runtime, row, checked.warnings)
        if faults:
            checked.refused.append((row, faults))
        else:
            checked.ready.append(row)
        told(1)
    return checked


def _faults_of(runtime: Runtime, row: Row, warnings: Counter[str]) -> list[Fault]:
    faults: list[Fault] = []
    try:
        choose_provider(runtime, row.call_uuid, row.provider)
    except RequestInvalid as error:
        faults.append(Fault(row.line, "provider", str(error), error.code))
    except ConfigError as error:
        if not row.provider:
            raise
        faults.append(Fault(row.line, "provider", str(error), error.code))
    flows: list[Flow] = []
    for leg, text in row.legs.items():
        try:
            flows.append(find_flow(runtime, find_target(runtime, text, leg).flow))
        except CallflowsError as error:
            faults.append(Fault(row.line, leg, str(error), error.code))
    if len(flows) == len(row.legs):
        faults += _faults_of_params(row, flows)
    if faults:
        return faults
    try:
        plan = plan_of(runtime, row, None)
    except (StoreError, ConfigError):
        raise
    except CallflowsError as error:
        return [Fault(row.line, "", str(error), error.code)]
    warnings.update({*plan.warnings, *(text for leg in plan.legs for text in leg.warnings)})
    return []


def _faults_of_params(row: Row, flows: Sequence[Flow]) -> Iterator[Fault]:
    names = ", ".join(dict.fromkeys(flow.name for flow in flows))
    for name, value in row.params.items():
        specs = [flow.manifest.params[name] for flow in flows if name in flow.manifest.params]
        if flows and not specs:
            yield Fault(row.line, name, f"{value[:80]!r} is for a param that {names} does not have", ParamInvalid.code)
        for spec in specs[:1]:
            try:
                typed(spec, value)
            except ValueError as error:
                yield Fault(row.line, name, f"{value[:80]!r} {error}", ParamInvalid.code)
    needed = {name: flow.name for flow in flows for name, spec in flow.manifest.params.items() if spec.required}
    for name, flow in needed.items():
        if name not in row.params:
            yield Fault(row.line, name, f"is needed by {flow}", ParamInvalid.code)


def plan_of(runtime: Runtime, row: Row, key: str | None) -> transfers.Plan:
    return transfers.prepare(
        runtime,
        row.call_uuid,
        aleg=row.legs.get(Leg.A, ""),
        bleg=row.legs.get(Leg.B, ""),
        params=row.params,
        provider=row.provider,
        idempotency_key=key,
        asked_by="batch",
    )
