"""The words the rooms share: frozen values and enums, no behaviour beyond reading them.

Times are Unix seconds (float, UTC), durations say their unit in the name. Wire spellings (`CallUUID`, `aleg_url`)
stay in `providers/`; here it is snake_case of the same word. An absent text is the empty string, never None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

EMPTY: Mapping[str, str] = MappingProxyType({})

ASKERS = ("python", "cli", "batch", "console")  # who asks for transfers without a token


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a document, a template, a flow or the configuration.

    `code` is dotted and stable (`xml.*`, `grammar.*`, `rule.*`, `policy.*`, `template.*`, `flow.*`, `config.*`).
    `line` and `column` are 1-based in `file`, None where none applies; `source` is the text of that line, for a caret
    below it. `hint` says what to write instead.
    """

    severity: Severity
    code: str
    message: str
    file: str = ""
    line: int | None = None
    hint: str = ""
    fatal: bool = False
    column: int | None = None
    source: str = ""

    @classmethod
    def error(cls, code: str, message: str, file: str = "", line: int | None = None, hint: str = "") -> Problem:
        return cls(Severity.ERROR, code, message, file, line, hint)

    @property
    def blocks(self) -> bool:
        """Whether a live call must not be given this document. Other errors are served and reported."""
        return self.severity is Severity.ERROR and (
            self.fatal or self.code.partition(".")[0] in ("xml", "grammar", "policy", "template")
        )

    def as_object(self) -> dict[str, str | int | None]:
        """As JSON, wherever problems are told to programs."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.severity} {self.code}: {self.message}{hint}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file of the author's something stands. `line` and `column` are 1-based; `column` None: not known."""

    file: str
    line: int
    column: int | None = None
    source: str = ""


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """Those that refuse; what is left are warnings."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


class FlowState(StrEnum):
    """What is served of a flow, compared with what was saved."""

    GOOD = "good"  # what was saved
    STALE = "stale"  # an older good version: the newest save has errors
    BROKEN = "broken"  # nothing: it never was good
    PENDING = "pending"  # what was saved is not published yet
    HELD = "held"  # a version that was published by hand, until the flow is saved anew

    @property
    def degraded(self) -> bool:
        return self in (FlowState.STALE, FlowState.BROKEN)


class Published(StrEnum):
    """How a version came to be live, or how the flow came to have none."""

    SAVED = "saved"
    BY_HAND = "published by hand"
    WITHDRAWN = "withdrawn"


class Leg(StrEnum):
    """A is the call named in the platform's path, B the leg bridged to it."""

    A = "aleg"
    B = "bleg"


class SignatureMode(StrEnum):
    REQUIRED = "required"
    IF_PRESENT = "if-present"
    OFF = "off"


class Signature(StrEnum):
    """What a provider says of a request's signature headers."""

    VALID = "valid"
    WRONG = "wrong"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One request of the platform, free of the web framework.

    `path` is our route's decoded path without trailing slash (`/flows/plivo/forward/aleg`). `url` is the URL the
    platform must have signed: PUBLIC_URL plus the raw path and query, as received. `headers` has lower-case
    names. `query` and `form` keep order and duplicates; undecodable bytes are kept as surrogate escapes, so that
    the signed bytes can be restored.
    """

    method: str
    path: str
    url: str
    headers: Mapping[str, str]
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CallValues:
    """What the platform says of the call, normalised. Numbers have a `+` when they have 7 to 15 digits."""

    uuid: str = ""
    from_number: str = ""
    to_number: str = ""
    direction: str = ""
    status: str = ""
    caller_name: str = ""
    forwarded_from: str = ""
    a_leg_uuid: str = ""
    request_uuid: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class InputValues:
    """Result of GetInput, GetDigits or Gather. `confidence` is "0.0" to "1.0", `type` is dtmf or speech."""

    digits: str = ""
    speech: str = ""
    confidence: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class DialValues:
    """Result of a Dial (`action`), or news of one of its legs (`callbackUrl`)."""

    status: str = ""
    hangup_cause: str = ""
    hangup_code: str = ""
    a_leg_uuid: str = ""
    b_leg_uuid: str = ""
    b_leg_number: str = ""


@dataclass(frozen=True, slots=True)
class RecordingValues:
    """`duration` is in seconds as the platform wrote it; "-1" means not known yet."""

    url: str = ""
    id: str = ""
    duration: str = ""


@dataclass(frozen=True, slots=True)
class ConferenceValues:
    """What a conference tells of a member. `action`: enter, exit, digits, ...; `member_id` is one stay in the room."""

    room: str = ""
    action: str = ""
    member_id: str = ""


class EventKind(StrEnum):
    """What a request of the platform tells, judged by its parameters, never by its URL."""

    DOCUMENT = "document"  # asks for XML and brings no news beyond the call itself
    INPUT = "input"
    RING = "ring"
    HANGUP = "hangup"
    DIAL_ANSWER = "dial-answer"
    DIAL_CONNECTED = "dial-connected"
    DIAL_DIGITS = "dial-digits"
    DIAL_HANGUP = "dial-hangup"
    DIAL_RESULT = "dial-result"
    RECORDING = "recording"
    CONFERENCE = "conference"
    STREAM = "stream"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A request's parameters, normalised, beside the raw ones under their wire names."""

    kind: EventKind
    call: CallValues = CallValues()
    input: InputValues = InputValues()
    dial: DialValues = DialValues()
    recording: RecordingValues = RecordingValues()
    conference: ConferenceValues = ConferenceValues()
    hangup_cause: str = ""
    hangup_code: str = ""
    hangup_source: str = ""
    raw: Mapping[str, str] = field(default_factory=lambda: EMPTY)


class Outcome(StrEnum):
    """What one exchange came to."""

    STEP = "step"  # the step asked for
    LAST_GOOD = "last-good"  # the step from an earlier version of its flow
    FALLBACK = "fallback"  # the flow's own fallback step
    SAFE = "safe"  # the safe document
    SILENT = "silent"  # silence, in place of a sound step
    NOTED = "noted"  # an event: recorded, answered <Response/>
    REJECTED = "rejected"  # 403


# what a leg was given: what its author wrote, or what stands in for that
REAL = (Outcome.STEP, Outcome.LAST_GOOD)
SAFE = (Outcome.FALLBACK, Outcome.SAFE)
# that somebody answered whom a call dialled
CONNECTS = (EventKind.DIAL_ANSWER, EventKind.DIAL_CONNECTED)
# news whose answer the platform does not run: it changes nothing of where the call is
NEWS = (
    *CONNECTS,
    EventKind.RING,
    EventKind.HANGUP,
    EventKind.DIAL_DIGITS,
    EventKind.DIAL_HANGUP,
    EventKind.CONFERENCE,
    EventKind.STREAM,
)
ELSEWHERE = "-"  # Exchange.queue of what is served outside any queue; no queue is called that


@dataclass(frozen=True, slots=True)
class Exchange:
    """One webhook with our answer: one journal line, one row of the store. `id` is unique for ever.

    `state` is what steps before this one carried over: how far a caller has come, and what they have entered.
    `queue`: the queue in which whoever was served this waits now; ELSEWHERE: they have left any; "": as before.
    """

    id: str
    at: float
    provider: str
    outcome: Outcome
    event: CallEvent
    flow: str = ""
    step: str = ""
    version: str = ""
    leg: str = ""
    transfer_id: str = ""
    reason: str = ""
    http_status: int = 200
    duration_ms: float = 0.0
    document: str = ""  # as served, with tokens left out
    problems: tuple[str, ...] = ()
    state: Mapping[str, str | int | bool] = field(default_factory=lambda: EMPTY)
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller in a queue, since `joined_at`. `claim` is whoever is moving them since `claimed_at`; "": nobody.

    `flow`, `step` and `transfer_id` are of the document they joined with, `number` is the caller's own.
    """

    call_uuid: str
    queue: str
    joined_at: float
    provider: str
    transfer_id: str = ""
    flow: str = ""
    step: str = ""
    leg: str = ""
    number: str = ""
    claim: str = ""
    claimed_at: float | None = None


@dataclass(frozen=True, slots=True)
class LegTarget:
    """Where a leg is sent."""

    flow: str
    step: str

    def __str__(self) -> str:
        return f"{self.flow}/{self.step}"


class TransferStatus(StrEnum):
    REQUESTED = "requested"  # written down; the platform may or may not have been asked yet
    ACCEPTED = "accepted"  # the platform said 2xx: heard, not done
    REJECTED = "rejected"  # the platform said no
    UNKNOWN = "unknown"  # asked, and no clear answer: it may have acted


@dataclass(frozen=True, slots=True)
class Transfer:
    """One request to move a live call: the row that is written before the platform is asked."""

    id: str
    provider: str
    call_uuid: str
    targets: Mapping[Leg, LegTarget]
    params: Mapping[str, str | int | bool] = field(default_factory=dict)
    status: TransferStatus = TransferStatus.REQUESTED
    requested_at: float = 0.0
    settled_at: float | None = None
    http_status: int | None = None
    api_id: str = ""
    reason: str = ""  # error code when rejected or unknown
    message: str = ""  # the platform's words, or ours
    idempotency_key: str | None = None
    asked_by: str = ""  # id of the API token, or one of ASKERS
    fingerprint: str = ""  # of what was asked for: the same key must come with the same


_ROOM = "transfer-"


def room_of(transfer_id: str) -> str:
    """The conference where the legs of a transfer meet."""
    return f"{_ROOM}{transfer_id}" if transfer_id else ""


def transfer_of(room: str) -> str:
    """The transfer whose room it is; "" for any other conference."""
    return room.removeprefix(_ROOM) if room.startswith(_ROOM) else ""


class LegStatus(StrEnum):
    """A leg's way through one transfer. Only ever forwards."""

    WAITING = "waiting"  # its document was not fetched yet
    FETCHED = "fetched"
    DIALLING = "dialling"
    CONNECTED = "connected"
    FAILED = "failed"
    ENDED = "ended"
