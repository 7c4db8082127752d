"""Speak and SSML."""

from __future__ import annotations

from ...models import Severity
from ..findings import Node
from .registry import Context, Found, rule

_MOST = 3000


@rule("rule.speak-length", "Speak", source="plivo.md 1.1 (D:concepts/ssml)",
      hint="split it into several Speak elements",
      good="<Speak>Hello.</Speak>", bad=f"<Speak>{'All work and no play. ' * 140}</Speak>")  # fmt: skip
def speak_length(speak: Node, context: Context) -> Found:
    if context.length > _MOST and (length := len(str(speak.xpath("string()")))) > _MOST:
        yield f"Speak has {length} characters, and the platforms say at most {_MOST}"


@rule("rule.speak-empty", "Speak", severity=Severity.WARNING, source="plivo.md 1.1",
      hint="give a default, or leave the element out when there is nothing to say",
      good="<Speak>Hello.</Speak>", bad="<Speak></Speak>")  # fmt: skip
def speak_empty(speak: Node, context: Context) -> Found:
    if len(speak) == 0 and not (speak.text or "").strip():
        yield "Speak says nothing"


@rule("rule.ssml-voice", "Speak", source="plivo.md 1.1 (SDKs RB, PH, JV enforce it), vobiz.md 1.2",
      hint='add voice="Polly.Joanna" or another Polly voice',
      good='<Speak voice="Polly.Joanna">One <break time="1s"/> moment.</Speak>',
      bad='<Speak>One <break time="1s"/> moment.</Speak>')  # fmt: skip
def ssml_voice(speak: Node, context: Context) -> Found:
    if len(speak) and not speak.get("voice", "WOMAN").startswith("Polly."):
        tag = next((child.tag for child in speak.iterchildren(*context.model.elements["Speak"].children)), None)
        if tag is not None:
            yield f"Speak uses SSML ({tag!s}) without a Polly voice"


NO_VOICE = {"MAN": {"da-DK", "fr-CA", "ru-RU", "sv-SE"}, "WOMAN": {"pt-PT"}}
PLAIN_LANGUAGES = frozenset(
    "da-DK nl-NL en-AU en-GB en-US fr-FR fr-CA de-DE it-IT pl-PL pt-PT pt-BR ru-RU es-ES es-US sv-SE".split()
)


@rule("rule.voice-language", "Speak", about="language", severity=Severity.WARNING,
      source="plivo.md 1.1 (D), vobiz.md 1.2",
      hint="take the other voice, or a Polly voice of the language",
      good='<Speak voice="MAN" language="fr-FR">Bonjour.</Speak>',
      bad='<Speak voice="MAN" language="fr-CA">Bonjour.</Speak>')  # fmt: skip
def voice_language(speak: Node, context: Context) -> Found:
    language, voice = speak.get("language", ""), speak.get("voice", "WOMAN")
    if voice in NO_VOICE and (language not in PLAIN_LANGUAGES or language in NO_VOICE[voice]):
        yield f"there is no {voice} voice for {language}"


@rule("rule.prosody-empty", "prosody", source="plivo.md 1.1 (SDKs)", hint='add rate="slow", for example',
      good='<Speak voice="Polly.Amy"><prosody rate="slow">Hello.</prosody></Speak>',
      bad='<Speak voice="Polly.Amy"><prosody>Hello.</prosody></Speak>')  # fmt: skip
def prosody_empty(prosody: Node, context: Context) -> Found:
    if not prosody.attrib:
        yield "prosody has none of volume, rate and pitch"
