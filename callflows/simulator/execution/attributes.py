"""Which attributes change what happens here, and which are accepted without effect, each with the reason.

Held against the grammar both ways by tests/simulator/test_consistency.py: an attribute that a platform adds has to be
honoured, or exempted, before the tests pass again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..document import Element


@dataclass(frozen=True)
class Attributes:
    honoured: frozenset[str]
    noted: Mapping[str, str] = field(default_factory=dict)  # name -> why it has no effect

    def __contains__(self, name: str) -> bool:
        return name in self.honoured or name in self.noted


def _known(honoured: str, *noted: tuple[str, str]) -> Attributes:
    """`noted`: names, and why."""
    return Attributes(frozenset(honoured.split()), {name: why for names, why in noted for name in names.split()})


_VOICE = "how a voice sounds is not simulated, only its words and how long they take"
_RECOGNISED = "nothing is recognised: a person's words arrive as they were said"
_ONE_SDK = "one SDK has it, no documentation says what it does"
_TEXT = "a transcription is the words that were said, in one form"
_CARRIER = "a matter between the platform and the carrier, which is not simulated"

ATTRIBUTES: dict[str, Attributes] = {
    "Response": _known(""),
    "Speak": _known("loop", ("voice language", _VOICE)),
    "Play": _known("loop"),
    "Wait": _known("length silence minSilence beep"),
    "GetDigits": _known(
        "action method timeout digitTimeout numDigits finishOnKey retries redirect playBeep validDigits"
        " invalidDigitsSound log"
    ),
    "GetInput": _known(
        "action method inputType executionTimeout digitEndTimeout speechEndTimeout startInputTimeout retries numDigits"
        " finishOnKey language interimSpeechResultsCallback interimSpeechResultsCallbackMethod log redirect",
        ("speechModel hints profanityFilter", _RECOGNISED),
    ),
    "Gather": _known(
        "action method inputType executionTimeout digitEndTimeout speechEndTimeout numDigits"
        " finishOnKey language interimSpeechResultsCallback interimSpeechResultsCallbackMethod log redirect",
        ("speechModel hints profanityFilter", _RECOGNISED),
    ),
    "Dial": _known(
        "action method timeout timeLimit hangupOnStar callerId callerName confirmSound confirmKey confirmTimeout"
        " dialMusic callbackUrl callbackMethod redirect digitsMatch digitsMatchBLeg sipHeaders",
        ("callType", _CARRIER),
    ),
    "Number": _known(
        "sendDigits sendOnPreanswer sipHeaders",
        ("sendDigitsMode", _CARRIER),
        ("callerId callerName", _ONE_SDK),
        ("timeout", "a migration guide alone has it; the Dial's timeout counts"),
    ),
    "User": _known(
        "sendDigits sendOnPreanswer sipHeaders",
        ("sipAuthUsername sipAuthPassword", "no SIP endpoint asks who is calling"),
        ("callerId callerName", _ONE_SDK),
    ),
    "Redirect": _known("method"),
    "Hangup": _known("reason schedule"),
    "PreAnswer": _known(""),
    "DTMF": _known("async"),
    "Record": _known(
        "action method fileFormat redirect timeout maxLength playBeep finishOnKey recordSession startOnDialAnswer"
        " recordChannelType transcriptionType transcriptionUrl transcriptionMethod callbackUrl callbackMethod",
        ("transcriptionReportType", _TEXT),
    ),
    "Conference": _known(
        "muted enterSound exitSound startConferenceOnEnter endConferenceOnExit stayAlone waitSound maxMembers timeLimit"
        " hangupOnStar record recordFileFormat action method redirect callbackUrl callbackMethod digitsMatch floorEvent"
        " relayDTMF",
        ("transcriptionType transcriptionUrl transcriptionMethod", "the recording of a room is not transcribed"),
        ("recordWhenAlone sendDigits", _ONE_SDK),
        ("beep", "without effect on Vobiz, and in SDKs alone on Plivo"),
        ("maxParticipants waitMethod", "taken and without effect (Vobiz docs, Conference)"),
    ),
    "Stream": _known(
        "bidirectional audioTrack streamTimeout contentType keepCallAlive extraHeaders statusCallbackUrl"
        " statusCallbackMethod",
        ("noiseCancellation noiseCancellationLevel", "no audio is carried that noise could be taken from"),
        ("maxRetries", "a socket opens at the first try, or is refused"),
    ),
    # SSML
    "break": _known("time", ("strength", "a break without time takes half a second, whatever its strength")),
    "sub": _known("alias"),
    "emphasis": _known("", ("level", _VOICE)),
    "lang": _known("", ("xml:lang", _VOICE)),
    "p": _known(""),
    "phoneme": _known("", ("ph alphabet", _VOICE)),
    "prosody": _known("", ("volume rate pitch", _VOICE)),
    "s": _known(""),
    "say-as": _known("", ("interpret-as format", _VOICE)),
    "w": _known("", ("role", _VOICE)),
}


def strangers(element: Element) -> Iterator[tuple[str, str]]:
    """Attributes no element of this name has, here and in its children: (element, attribute). They are ignored: so
    Vobiz's gotchas page says of one, and Plivo's open-source engine does.
    """
    known = ATTRIBUTES.get(element.name)
    for name in element.attributes:
        if known is not None and name not in known:
            yield element.name, name
    for child in element.children:
        yield from strangers(child)
