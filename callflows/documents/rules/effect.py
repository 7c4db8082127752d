"""Attributes that do nothing, because another one is missing or in their way. A table, and one rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...models import Severity
from ..findings import Finding, Node
from .registry import Context, Found, rule


@dataclass(frozen=True, slots=True)
class Needs:
    """`attributes` of `on` do nothing unless one of `needs` is there, or has the value after its `=`. A value in
    `harmless` (usually the default, which dialects and SDKs write out) is no fault."""

    on: str
    attributes: str
    needs: str
    source: str
    harmless: str = ""


SPEECH = "speechModel hints language profanityFilter speechEndTimeout interimSpeechResultsCallback"
NEEDS = (
    Needs("Wait", "minSilence", "silence=true", "plivo.md 1.2 (DO), vobiz.md 1.2"),
    Needs("Dial", "confirmTimeout", "confirmSound confirmKey", "plivo.md 1.6, vobiz.md 1.2"),
    Needs("Dial", "digitsMatch digitsMatchBLeg", "callbackUrl", "plivo.md 3.2, vobiz.md 3.4"),
    Needs("Dial Conference", "redirect", "action", "plivo.md 1.0, vobiz.md 1.2", "true"),
    Needs("Conference", "digitsMatch floorEvent", "callbackUrl", "plivo.md 3.2, vobiz.md 1.2", "false"),
    Needs("Conference", "recordFileFormat transcriptionType transcriptionUrl", "record=true", "plivo.md 1.7", "mp3"),
    Needs("MultiPartyCall", "recordFileFormat recordingCallbackUrl", "record=true", "plivo.md 1.8", "mp3"),
    Needs(
        "MultiPartyCall",
        "aiAgentStreamServiceUrl aiAgentStreamContentType aiAgentStreamStatusCallbackUrl aiAgentStreamSamplingRate "
        "aiAgentStreamExtraHeaders",
        "role=ai-agent",
        "plivo.md 1.8 (SK)",
    ),
    Needs("Stream", "noiseCancellationLevel", "noiseCancellation=true", "plivo.md 1.9 (D)"),
)
_PLAIN = {"timeout": "15", "finishOnKey": "#", "playBeep": "true"}  # Plivo's defaults, which a dialect may write


def idle(element: Node) -> Iterator[tuple[str, str]]:
    """Attributes that do nothing, and why."""
    given = element.attrib
    for row in _BY_TAG.get(str(element.tag), ()):
        for name in row.attributes.split():
            told = name in given and given[name] not in row.harmless.split()
            if told and not any(_met(need, element) for need in row.needs.split()):
                yield name, "without " + " or ".join(_said(need) for need in row.needs.split())
    if element.tag in ("GetInput", "Gather"):
        kind = element.get("inputType", "")
        wrong = SPEECH if kind == "dtmf" else "numDigits digitEndTimeout" if kind == "speech" else ""
        for name in wrong.split():
            if name in given and given[name] not in ("false", "default", "auto"):
                yield name, f'with inputType="{kind}"'
    elif element.tag == "Record" and element.get("recordSession") == "true":
        for name, plain in _PLAIN.items():
            if given.get(name, plain) != plain:
                yield name, 'with recordSession="true"'
    elif element.tag == "Wait":
        listens = "minSilence" in given or given.get("silence") == "true"
        if listens and given.get("beep", "false") != "false":
            yield "beep", "with silence or minSilence"


def _met(need: str, element: Node) -> bool:
    name, equals, value = need.partition("=")
    found = element.get(name)
    return found is not None and (not equals or found == value)


def _said(need: str) -> str:
    name, equals, value = need.partition("=")
    return f'{name}="{value}"' if equals else name


_BY_TAG = {tag: [row for row in NEEDS if tag in row.on.split()] for row in NEEDS for tag in row.on.split()}
_HINT = "leave it out, or write what makes it work"


@rule("rule.no-effect", "Wait Dial GetInput Gather Record Conference MultiPartyCall Stream",
      severity=Severity.WARNING, hint=_HINT, source="; ".join(dict.fromkeys(row.source for row in NEEDS)),
      good='<Wait length="10" silence="true" minSilence="3000"/>',
      bad='<Wait length="10" minSilence="3000"/>')  # fmt: skip
def no_effect(element: Node, context: Context) -> Found:
    for name, why in idle(element):
        yield Finding("rule.no-effect", f"{name} has no effect {why}", element, name, _HINT, Severity.WARNING)
