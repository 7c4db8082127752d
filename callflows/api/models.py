"""What the API takes and gives, as pydantic models: requests are checked with them, and the OpenAPI document is made
from all of them. What is given is made by `shapes`, for the command line too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ..models import EventKind, LegStatus, Outcome, TransferStatus
from ..providers import NAMES

ProviderName = Literal[NAMES]  # type: ignore[valid-type]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ParamValue = str | Annotated[int, Field(ge=-(10**15), le=10**15)] | bool
Cursor = Annotated[str, Field(min_length=1, max_length=200, description="`next_cursor` of the page before.")]
CallUuid = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$", description="The platform's CallUUID.")]
Params = Annotated[
    dict[str, ParamValue], Field(max_length=100, description="Of the flows: see `params_schema` of GET /flows.")
]
Seconds = Annotated[float, Field(ge=0, le=10**11)]


class Asked(BaseModel):
    """What comes from outside: nothing is guessed, nothing is left over."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Query(BaseModel):
    """A query string: everything is text there, so numbers are read from it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class NoQuery(Query):
    pass


# --- asked


class NewTransfer(Asked):
    """A live call, and where its legs shall go. At least one of `aleg` and `bleg`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [leg], "properties": {leg: {"type": "string"}}} for leg in ("aleg", "bleg")]
        }
    )

    call_uuid: CallUuid
    aleg: Annotated[Text | None, Field(description="Where the call itself goes: FLOW, or FLOW/STEP.")] = None
    bleg: Annotated[Text | None, Field(description="Where the leg bridged to it goes: FLOW, or FLOW/STEP.")] = None
    params: Params = {}
    provider: Annotated[
        ProviderName | None,
        Field(description="Default: the only one with credentials, else where the call was last seen."),
    ] = None
    force: Annotated[bool, Field(description="Also while the same leg is being moved by another transfer.")] = False
    dry_run: Annotated[bool, Field(description="Make and judge the documents, and send nothing.")] = False

    @model_validator(mode="after")
    def _a_leg(self) -> NewTransfer:
        if not self.aleg and not self.bleg:
            raise ValueError("give aleg, bleg or both")
        return self


class NextCaller(Asked):
    """Where whoever has waited longest shall go."""

    aleg: Annotated[Text, Field(description="FLOW, or FLOW/STEP.")]
    params: Params = {}
    provider: Annotated[ProviderName | None, Field(description="Only whoever waits on this one.")] = None
    dry_run: Annotated[bool, Field(description="Make and judge the document, and send nothing.")] = False


class DropCaller(Asked):
    """Who is taken off the queue. With `aleg` they are moved there, else hung up on."""

    call_uuid: CallUuid
    aleg: Annotated[Text | None, Field(description="FLOW, or FLOW/STEP.")] = None
    params: Params = {}


class HangUp(Asked):
    """Nothing need be said."""

    provider: ProviderName | None = None


class TransferQuery(Query):
    wait: Annotated[
        float, Field(ge=0, le=60, description="Seconds to wait, at most, for the transfer to be settled.")
    ] = 0.0


class TransfersQuery(Query):
    call_uuid: Text | None = None
    status: TransferStatus | None = None
    provider: ProviderName | None = None
    asked_by: Annotated[Text | None, Field(description="A token's id; or cli, batch, python, console.")] = None
    since: Annotated[Seconds | None, Field(description="Asked for at or after this Unix time.")] = None
    until: Annotated[Seconds | None, Field(description="Asked for before this Unix time.")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class CallsQuery(Query):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class EventsQuery(Query):
    limit: Annotated[int, Field(ge=1, le=200)] = 100
    cursor: Cursor | None = None


class QueueQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class ProviderQuery(Query):
    provider: ProviderName | None = None


# --- given


class Given(BaseModel):
    """Described here and made by `shapes`; keys may be added in later versions."""

    model_config = ConfigDict(extra="allow")


class Leg(Given):
    """What is not known is left out; only `target` is always there, and only it is in lists."""

    target: str
    status: LegStatus | None = None
    call_uuid: str = ""
    reason: Annotated[str, Field(description="Why it failed or ended, in words.")] = ""
    code: Annotated[str, Field(description="The platform's code for it.")] = ""
    number: Annotated[str, Field(description="Who was dialled.")] = ""
    flow: str = ""
    step: str = ""
    at: Annotated[float, Field(description="When it reached this status.")] = 0.0
    fetched_at: float | None = None
    not_fetched_for: Annotated[float | None, Field(description="Seconds since the platform accepted.")] = None
    open_until: Annotated[float | None, Field(description="Late news may change this until then.")] = None


class Transfer(Given):
    """One request to move a call. `status` is the platform's answer to it."""

    id: str
    provider: ProviderName
    call_uuid: str
    status: TransferStatus
    reason: str
    message: str
    api_id: str
    http_status: int | None
    requested_at: float
    settled_at: float | None
    idempotency_key: str | None
    asked_by: str
    params: dict[str, ParamValue]
    legs: dict[Literal["aleg", "bleg"], Leg]
    warnings: list[str]


class TransferMade(Transfer):
    """`repeated`: it was asked for before, with this idempotency key; nothing was sent now."""

    repeated: bool


class TransferKnown(Transfer):
    """With what became of it."""

    settled: Annotated[bool, Field(description="There is nothing to wait for.")]
    ok: Annotated[bool, Field(description="Settled, and it went well.")]
    outcome: str
    outcome_reason: str
    summary: Annotated[str, Field(description="All of it in one line.")]
    advice: Annotated[list[str], Field(description="Why a leg that is not fetched usually is not.")]


class PlannedLeg(Given):
    target: str
    document: Annotated[str, Field(description="What the leg would be given now; links without their tokens.")]
    warnings: list[str]


class TransferPlan(Given):
    """The answer to `dry_run`."""

    dry_run: Literal[True]
    call_uuid: str
    provider: ProviderName
    legs: dict[Literal["aleg", "bleg"], PlannedLeg]
    warnings: list[str]


class TransferPage(Given):
    """Newest first; their legs have only `target`."""

    transfers: list[Transfer]
    next_cursor: str | None


class Call(Given):
    """A call, from what the platform told us of it."""

    call_uuid: str
    provider: str
    status: str
    from_number: str
    to_number: str
    direction: str
    hangup_cause: str
    hangup_code: str
    hangup_source: str
    first_at: float
    last_at: float
    flow: Annotated[str, Field(description="Of the document served last.")]
    step: str
    b_leg_uuid: str
    bridged: bool


class CallPage(Given):
    """Those last heard of first."""

    calls: list[Call]
    next_cursor: str | None


class Event(Given):
    """One request of the platform, and the document it was answered with."""

    id: str
    at: float
    kind: EventKind
    flow: str
    step: str
    leg: str
    transfer_id: str
    outcome: Outcome
    reason: str
    call_uuid: str
    document: str
    state: Annotated[dict[str, str | int | bool], Field(description="What steps before carried over to this one.")]
    params: Annotated[dict[str, str], Field(description="Under the platform's own names.")]


class EventPage(Given):
    """In time order."""

    events: list[Event]
    next_cursor: str | None


class LiveCallList(Given):
    provider: ProviderName
    call_uuids: list[str]


class LiveCall(Given):
    """As the platform sees it now."""

    call_uuid: str
    provider: ProviderName
    from_number: str
    to_number: str
    direction: str
    status: str
    caller_name: str
    request_uuid: str
    started: Annotated[str, Field(description="The platform's own text.")]


class HungUp(Given):
    """The platform was told to end the call."""

    call_uuid: str
    provider: ProviderName


class Waiting(Given):
    """A caller in a queue, and the document they joined it with."""

    call_uuid: str
    queue: str
    position: Annotated[int | None, Field(description="1 is next; null while they are being moved.")]
    provider: str
    number: str
    flow: str
    step: str
    leg: str
    joined_at: float
    claimed_at: Annotated[float | None, Field(description="Since when they are being moved.")]


class Queue(Given):
    """`waiting`: how many wait, without those who are being moved."""

    name: str
    waiting: int
    longest_since: Annotated[float | None, Field(description="When whoever is next joined.")]


class QueueList(Given):
    queues: list[Queue]


class QueueKnown(Queue):
    """With its callers, the next one first."""

    callers: list[Waiting]


class Dropped(Given):
    """`done`: moved, hung_up, or gone when the call had ended before."""

    call_uuid: str
    queue: str
    done: Literal["moved", "hung_up", "gone"]
    transfer: Transfer | None


class Flow(Given):
    """`state`: live; stale (the newest save has problems, the one before it is served); broken (never was live)."""

    name: str
    title: str
    description: str
    state: Literal["live", "stale", "broken"]
    problems: list[Problem]
    version: str
    providers: list[ProviderName]
    entries: Annotated[list[str], Field(description="Those of aleg, bleg and answer that it has.")]
    params_schema: Annotated[dict[str, Any], Field(description="JSON Schema of its params.")]


class FlowList(Given):
    flows: list[Flow]


class Problem(Given):
    severity: Literal["error", "warning"]
    code: str
    file: str
    line: int | None
    column: int | None
    message: str
    hint: str


class ErrorBody(BaseModel):
    code: Annotated[str, Field(description="Stable: compare this.")]
    message: Annotated[str, Field(description="For people.")]
    details: Annotated[
        dict[str, Any],
        Field(description="By code: hint, fields, problems, transfer_id, leg, scope, limit, waiting_in."),
    ]


class Error(BaseModel):
    error: ErrorBody
    request_id: str


Flow.model_rebuild()
FlowList.model_rebuild()
