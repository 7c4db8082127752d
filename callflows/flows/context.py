"""What a template may use: a documented contract, the same names in every step, plain data and four functions.

`CONTEXT` is the contract in words; `callflows flows context` and the docs print it, a test holds the real context
to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..errors import DataNotFound, FlowNotFound, ParamInvalid
from ..marks import LINK_CLOSE, LINK_OPEN
from ..models import CallEvent, room_of
from ..scrub import scrub
from ..signing import IN_CALL_SECONDS, Scalar, Token
from ..suggest import did_you_mean
from ..urls import PublicUrls, events_path, step_path, with_token
from .catalog import Flow, Step
from .declared import Value
from .filters import MAPPING_METHODS
from .params import resolve_params, with_defaults
from .queues import queue_of
from .tables import LookupTable
from .texts import Text

_MARK = re.compile(f"{LINK_OPEN}([0-9]+){LINK_CLOSE}")

CONTEXT: Mapping[str, str] = {
    "call": "the call: uuid, from_number, to_number, direction, status, caller_name, forwarded_from, a_leg_uuid, "
    "request_uuid, sip_headers (names without X-PH- or X-VH-)",
    "input": "what the caller entered before this step: digits, speech, confidence, type (dtmf or speech)",
    "dial": "how the Dial before this step ended: status (completed, busy, failed, cancel, timeout, no-answer), "
    "hangup_cause, b_leg_uuid",
    "recording": "the recording the platform tells of: url, id, duration (seconds)",
    "queue": "the queue in which this step's caller waits: name, position (1 is next), waiting (how many are in line), "
    "ahead and behind (the steps with which the others came, with spaces between, in a line of at most 20); "
    'all but the name only in steps that declare needs = ["store"], and empty while they are not known',
    "transfer": "the transfer that brought the call here: id, room (a conference name for its two legs), "
    "other_leg_fetched (yes when the other leg has its document and is there), other_leg_ended (yes when it hung up), "
    "room_occupied (yes when somebody is in the room); "
    'these three only in steps that declare needs = ["store"]',
    "params": "the flow's parameters, every one that flow.toml declares",
    "state": "what step_url(...) carried over from earlier steps; use default(...) for a first time",
    "leg": "aleg or bleg",
    "flow": "this flow: name, title, and the language of this call: state.language or params.language, else by the "
    "caller's number, else the flow's own",
    "provider": "plivo or vobiz",
    "t": "t(key, **values): a text of texts/<language>.toml in this call's language, {name} in it replaced; with "
    "language=... in that language; t(key).language is the language it is in",
    "table": "table(name): the rows of NAME.csv or NAME.toml beside the flow, by key; "
    ".get(key) for one that may be absent",
    "open": "open(name): whether somebody is there now, by hours.toml: true or false",
    "now": "the time of this request, in UTC (a datetime)",
    "raw": "the platform's own parameters under their wire names",
    "step_url": "step_url(step, **state): the address of a step of this flow; state is added to what there is",
    "flow_url": "flow_url(flow, step, **params): the address of another flow's step",
    "events_url": "events_url(): where the platform may report (callbackUrl); the answer to it is not run",
    "audio_url": "audio_url(file): the address of a file in the flow's audio folder",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says to a step that needs it: of the other leg of two that were transferred together and of their
    room, "yes" or the empty string; of the queue the caller waits in, numbers.
    """

    other_leg_fetched: str = ""
    other_leg_ended: str = ""
    room_occupied: str = ""
    position: int | str = ""
    waiting: int | str = ""
    ahead: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class QueueView:
    name: str = ""
    position: int | str = ""
    waiting: int | str = ""
    ahead: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class TransferView:
    id: str = ""
    room: str = ""
    other_leg_fetched: str = ""
    other_leg_ended: str = ""
    room_occupied: str = ""


@dataclass(frozen=True, slots=True)
class FlowView:
    name: str
    title: str
    language: str


@dataclass(slots=True)
class Links:
    """The links of ours in one document. While it is judged they are placeholders, so that equal documents are
    equal whoever calls; their tokens are made when it is sealed. `callback` is one of them: where the document's
    Dials report that name no callbackUrl.
    """

    urls: PublicUrls
    provider: str
    fragment: str
    tokens: list[tuple[str, Token]] = field(default_factory=list)
    callback: str = ""

    def add(self, path: str, token: Token) -> str:
        self.tokens.append((path, token))
        return with_token(self.urls.base + path, self.mark(len(self.tokens) - 1), self.fragment)

    @staticmethod
    def mark(index: int) -> str:
        return f"{LINK_OPEN}{index}{LINK_CLOSE}"

    def seal(self, document: str, sign: Callable[[str, Token], str], now: float | None = None) -> str:
        """Put the tokens in, of links that the document has. They are URL-safe and need no escaping."""
        expires = int((time.time() if now is None else now) + IN_CALL_SECONDS)
        signed: dict[str, str] = {}

        def seal(mark: re.Match[str]) -> str:
            if mark[1] not in signed:
                path, token = self.tokens[int(mark[1])]
                signed[mark[1]] = sign(path, replace(token, expires=expires))
            return signed[mark[1]]

        return _MARK.sub(seal, document)


def build_context(
    flow: Flow,
    step: Step,
    *,
    event: CallEvent,
    token: Token,
    links: Links,
    find_flow: Callable[[str], Flow | None],
    now: datetime | None = None,
    stored: Stored | None = Stored(),
    application: Mapping[str, Value] = {},
) -> dict[str, Any]:
    """The context of one rendering. The functions collect the document's links in `links`.

    `stored` None: it could not be learnt, and the step's default stands for it. `application` is what it gives of
    the names that flow.toml declares; the others have their default.
    """
    if stored is None:
        given = step.default
        stored = Stored(given.other_leg_fetched, given.other_leg_ended, given.room_occupied)
    leg = token.leg or ("bleg" if step.name == "bleg" else "aleg")
    onward = replace(
        token,
        call_uuid=event.call.uuid or token.call_uuid,
        leg=leg,
        version=flow.version,
        hops=token.hops + 1,
        tries=0,
    )
    state = dict(token.state)
    at = now or datetime.now(UTC)
    manifest = flow.manifest
    params = with_defaults(manifest.params, token.params)
    caller = event.call.to_number if event.call.direction == "outbound" else event.call.from_number
    spoken = flow.prompts.language(state.get("language"), params.get("language"), manifest.language_of(caller))

    def step_url(name: str, /, **values: Any) -> str:
        if name not in flow.steps:
            raise FlowNotFound(f"{flow.name} has no step {name!r}", hint=flow.closest_step(name))
        carried = {**state, **{key: _state(key, value) for key, value in values.items()}}
        return links.add(step_path(links.provider, flow.name, name), replace(onward, state=carried))

    def flow_url(name: str, entry: str = leg, /, **params: Any) -> str:
        other = flow if name == flow.name else find_flow(name)
        if other is None:
            raise FlowNotFound(f"there is no flow {name!r}")
        if entry not in other.steps:
            raise FlowNotFound(f"{name} has no step {entry!r}", hint=other.closest_step(entry))
        values = resolve_params(other.manifest.params, params, name)
        new = replace(onward, params=values, state={}, version=other.version)
        return links.add(step_path(links.provider, name, entry), new)

    def events_url() -> str:
        return links.add(events_path(links.provider), replace(onward, params={}, state={}, version=""))

    def audio_url(name: str, /) -> str:
        if name not in flow.audio:
            hint = did_you_mean(name, flow.audio, f"add {flow.name}/audio/{name}")
            raise FlowNotFound(f"{flow.name} has no audio file {name!r}", hint=hint)
        return f"{links.urls.base}/audio/{flow.version}/{quote(name)}"

    def t(key: str, /, language: str = "", **values: Any) -> Text:
        return flow.prompts.text(key, language or spoken, values)

    def table(name: str, /) -> LookupTable:
        if name not in flow.tables:
            hint = did_you_mean(str(name), flow.tables, f"add {flow.name}/{name}.csv")
            raise DataNotFound(f"{flow.name} has no table {name!r}", hint=hint)
        return flow.tables[name]

    def is_open(name: str, /) -> bool:
        if name not in flow.hours:
            hint = did_you_mean(str(name), flow.hours, f"add [{name}] to {flow.name}/hours.toml")
            raise DataNotFound(f"{flow.name} has no opening hours {name!r}", hint=hint)
        return flow.hours[name].open_at(at)

    declared = {name: application.get(name, spec.default) for name, spec in manifest.context.items()}
    return declared | {
        "call": event.call,
        "input": event.input,
        "dial": event.dial,
        "recording": event.recording,
        "transfer": TransferView(
            id=token.transfer_id,
            room=room_of(token.transfer_id),
            other_leg_fetched=stored.other_leg_fetched,
            other_leg_ended=stored.other_leg_ended,
            room_occupied=stored.room_occupied,
        ),
        "queue": QueueView(queue_of(step, params), stored.position, stored.waiting, stored.ahead, stored.behind),
        "params": params,
        "state": state,
        "leg": leg,
        "flow": FlowView(flow.name, scrub(manifest.title), spoken),
        "provider": links.provider,
        "now": at,
        "raw": dict(event.raw),
        "step_url": step_url,
        "flow_url": flow_url,
        "events_url": events_url,
        "audio_url": audio_url,
        "t": t,
        "table": table,
        "open": is_open,
    }


def _state(key: str, value: Any) -> Scalar:
    if key in MAPPING_METHODS:
        raise ParamInvalid(f"state cannot be called {key}: state.{key} is a method")
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return scrub(str(value))  # a plain str: Markup would not survive the token
    raise ParamInvalid(f"state {key} must be text, a number or true/false, not {type(value).__name__}")
