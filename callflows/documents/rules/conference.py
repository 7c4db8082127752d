"""Conference and MultiPartyCall."""

from __future__ import annotations

from ...models import Severity
from ..findings import Node
from .registry import Context, Found, near, rule


@rule("rule.lone-member", "Conference", about="stayAlone", severity=Severity.WARNING,
      source="plivo.md 1.7 (SK, FW), vobiz.md 1.2", hint='write stayAlone="true"',
      good='<Conference stayAlone="true">support</Conference>',
      bad='<Conference stayAlone="false">support</Conference>')  # fmt: skip
def lone_member(conference: Node, context: Context) -> Found:
    if conference.get("stayAlone") == "false":
        yield "whoever is alone in the Conference is dropped, the first to enter too"


_WAITING = '<Conference stayAlone="true" startConferenceOnEnter="false"{}>support</Conference>'


@rule("rule.silent-wait", "Conference", about="startConferenceOnEnter", severity=Severity.WARNING,
      source="plivo.md 1.7 (waitSound: none by default), vobiz.md 1.2",
      hint="add waitSound: a step of kind sound, for whoever waits for the Conference to start",
      good=_WAITING.format(' waitSound="https://flows.example.com/music"'), bad=_WAITING.format(""))  # fmt: skip
def silent_wait(conference: Node, context: Context) -> Found:
    if conference.get("startConferenceOnEnter") == "false" and "waitSound" not in conference.attrib:
        yield "who enters does not start the Conference, and without waitSound waits in silence"


@rule("rule.stream-before-multi-party-call", "MultiPartyCall", severity=Severity.WARNING, source="plivo.md 1.0 (SA)",
      hint="leave keepCallAlive out of the Stream",
      good='<Stream>wss://agent.example.com/</Stream><MultiPartyCall role="Customer">support</MultiPartyCall>',
      bad='<Stream bidirectional="true" keepCallAlive="true">wss://agent.example.com/</Stream>'
          '<MultiPartyCall role="Customer">support</MultiPartyCall>')  # fmt: skip
def stream_before_multi_party_call(element: Node, context: Context) -> Found:
    stream = near(element, ("Stream",), before=True)
    if stream is not None and stream.get("keepCallAlive") == "true":
        yield "a Stream before it keeps the call, and the MultiPartyCall waits until that stream is closed"
