"""The reference of the context, made from the code: CONTEXT in words, and what a step of a made-up flow sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ..models import CallEvent, DialValues, EventKind, InputValues, Leg, RecordingValues
from ..signing import Token
from ..urls import PublicUrls, without_marks
from .catalog import Flow, load_flow
from .context import CONTEXT, Links, Stored, build_context
from .rendering import render
from .sandbox import FlowEnvironment
from .sources import FlowSource
from .trying.sampling import SAMPLE_CALL

# One line of a template for each name, rendered as it stands.
EXAMPLES: Mapping[str, str] = {
    "call": "<Speak>You are calling from {{ call.from_number }}.</Speak>",
    "input": '{% if input.digits == "1" %}<Speak>You pressed one.</Speak>{% endif %}',
    "dial": '{% if dial.status != "completed" %}<Speak>Nobody is free.</Speak>{% endif %}',
    "recording": "{% if recording.duration | int > 2 %}<Speak>Thank you for your message.</Speak>{% endif %}",
    "queue": "{% if queue.position %}<Speak>You are number {{ queue.position }}.</Speak>{% endif %}",
    "transfer": "<Conference>{{ transfer.room }}</Conference>",
    "params": "<Number>{{ params.to }}</Number>",
    "state": "{% set tries = state.tries | default(1) %}<Speak>This is try {{ tries }}.</Speak>",
    "leg": "<Redirect>{{ step_url(leg, round=2) }}</Redirect>",
    "flow": '<Speak language="{{ flow.language }}">Hello.</Speak>',
    "provider": '{% if provider == "plivo" %}<Wait length="1"/>{% endif %}',
    "now": "<Speak>It is {{ now.hour }} hours UTC.</Speak>",
    "raw": "<Speak>{{ raw.CallUUID }}</Speak>",
    "step_url": '<Redirect>{{ step_url("done", tries=3) }}</Redirect>',
    "flow_url": '<Redirect>{{ flow_url("hold", "aleg", rounds=10) }}</Redirect>',
    "events_url": '<Dial callbackUrl="{{ events_url() }}"><Number>{{ params.to }}</Number></Dial>',
    "audio_url": '<Play>{{ audio_url("music.wav") }}</Play>',
    "t": '<Speak>{{ t("hello", name="Jane") }}</Speak>',
    "table": '<Number>{{ table("departments")["1"].number }}</Number>',
    "open": '{% if open("support") %}<Speak>We are there.</Speak>{% endif %}',
}
_DOCUMENT = "<Response><Hangup/></Response>"
_SUPPORT: Mapping[str, str] = {
    "flow.toml": 'title = "Support"\n[params.to]\ntype = "phone"\n[steps.aleg]\nqueue = "support"\nneeds = ["store"]\n',
    "aleg.xml": "".join(EXAMPLES.values()),  # so that what it looks into is loaded
    "done.xml": _DOCUMENT,
    "audio/music.wav": "",
    "departments.csv": "key,name,number\n1,Sales,+14155550123\n",
    "hours.toml": '[support]\nzone = "UTC"\nmon-fri = ["09:00-17:00"]\n',
    "texts/en-US.toml": 'hello = "Hello, {name}."\n',
}
_HOLD: Mapping[str, str] = {"flow.toml": '[params.rounds]\ntype = "integer"\n', "aleg.xml": _DOCUMENT}
_HEAD = """\
# What templates may use

Every name exists in every step; what is absent is the empty string, and any other name is an error. Below each name: a
line of a template, what it gives, and the values it was given. `callflows flows context --markdown` prints this page.
"""


def reference() -> str:
    """docs/context.md."""
    context = _context(_flow("support", _SUPPORT))
    return "\n".join([_HEAD, *(line for name in CONTEXT for line in _about(name, context))])


def _flow(name: str, files: Mapping[str, str]) -> Flow:
    return load_flow(FlowSource(name, {f"{name}/{path}": text.encode() for path, text in files.items()}))


def _context(flow: Flow) -> dict[str, Any]:
    event = CallEvent(
        EventKind.INPUT,
        dataclasses.replace(SAMPLE_CALL, caller_name="Jane Doe", sip_headers={"Ticket": "42"}),
        InputValues("1", "", "", "dtmf"),
        DialValues("busy", "USER_BUSY", "3010", SAMPLE_CALL.uuid, "b" * 8, "+14155550123"),
        RecordingValues("https://media.example.com/1.mp3", "1", "7"),
        raw={"CallUUID": SAMPLE_CALL.uuid, "Digits": "1"},
    )
    token = Token(transfer_id="4d5e6f", leg=Leg.A, params={"to": "+14155550123"}, state={"tries": 2})
    return build_context(
        flow,
        flow.steps["aleg"],
        event=event,
        token=token,
        links=Links(PublicUrls("https://flows.example.com"), "plivo", ""),
        find_flow=lambda name: _flow(name, _HOLD),
        now=datetime(2027, 6, 16, 10, tzinfo=UTC),  # a Wednesday
        stored=Stored("yes", "", "", 2, 5),
    )


def _about(name: str, context: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {name}\n\n{CONTEXT[name]}\n"
    if name in EXAMPLES:
        given = render(FlowEnvironment({"aleg.xml": EXAMPLES[name]}), "aleg.xml", context, seconds=1)
        yield f"```jinja\n{EXAMPLES[name]}\n```\n```xml\n{without_marks(given)}\n```\n"
    if fields := dict(_fields(context.get(name))):
        yield "| name | here |\n|---|---|"
        yield from (f"| `{name}.{field}` | {value} |" for field, value in fields.items())
        yield ""


def _fields(value: Any) -> Iterator[tuple[str, str]]:
    """Of a dataclass or a mapping, each with an example; those of a mapping in it too."""
    found = value if isinstance(value, Mapping) else {}
    if dataclasses.is_dataclass(value):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for field, one in found.items():
        if isinstance(one, Mapping):
            yield from ((f"{field}.{name}", shown) for name, shown in _fields(one))
        else:
            yield field, f"`{one}`" if str(one) else ""
