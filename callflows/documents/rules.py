"""Rules: what a document means and the XSD cannot say. A list; each rule is a few lines.

A rule is a function of one element that yields a message for each fault (or a `Finding`, when the fault belongs to
another element). It is tied to the tags it looks at, so that a document costs only the rules its elements have. What
one platform alone does stands in that platform's dialect. `fatal` rules block a live call; the rest is served and
reported. An id that starts with `grammar.` completes the XSD, and blocks as the grammar does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..models import Severity
from .findings import Finding, Node, text_of
from .schema import Model

SOUND = ("Play", "Wait", "Speak")
INPUT = ("GetInput", "GetDigits", "Gather")
_WHOLE = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may know beside the element. `length`: of the whole document, in characters."""

    kind: str
    model: Model
    length: int


Found = Iterator[str | Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """`about` names the attribute a fault is in: elements without it are passed over, its line is told, and a fault
    the grammar found there goes first."""

    id: str
    severity: Severity
    on: tuple[str, ...]
    hint: str
    source: str
    find: Callable[[Node, Context], Found]
    fatal: bool = False
    about: str = ""


RULES: list[Rule] = []


def rule(
    id: str,
    on: str,
    *,
    hint: str,
    source: str,
    severity: Severity = Severity.ERROR,
    fatal: bool = False,
    about: str = "",
    into: list[Rule] = RULES,
) -> Callable[[Callable[[Node, Context], Found]], Callable[[Node, Context], Found]]:
    """Puts the function into a list of rules, by default the one for every platform."""

    def add(find: Callable[[Node, Context], Found]) -> Callable[[Node, Context], Found]:
        into.append(Rule(id, severity, tuple(on.split()), hint, source, find, fatal, about))
        return find

    return add


def by_tag(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    table: dict[str, tuple[Rule, ...]] = {}
    for one in rules:
        for tag in one.on:
            table[tag] = (*table.get(tag, ()), one)
    return table


def examine(root: Node, table: Mapping[str, tuple[Rule, ...]], context: Context) -> list[Finding]:
    """Every rule over every element, in one pass."""
    found: list[Finding] = []
    for element in root.iter("*"):
        tag: str = element.tag  # type: ignore[assignment]  # "*" gives elements, and their tags are text
        for one in table.get(tag, ()):
            if one.about and element.get(one.about) is None:
                continue
            for fault in one.find(element, context):
                if isinstance(fault, str):
                    fault = Finding(one.id, fault, element, one.about, one.hint, one.severity, one.fatal)
                found.append(fault)
        for name, doubt in context.model.doubtful.get(tag, {}).items():
            if element.get(name) is not None:
                found.append(_undocumented(f"{tag} {name}", element, name, doubt))
        for name, doubt in context.model.doubtful_children.get(tag, {}).items():
            found += [_undocumented(f"{name} in {tag}", child, "", doubt) for child in element.iterchildren(name)]
    return found


def _undocumented(what: str, element: Node, name: str, doubt: str) -> Finding:
    """Taken, because one source knows it, and said, because the others do not."""
    message = f"{what} is not documented by all sources"
    return Finding("rule.undocumented", message, element, name, hint=doubt, severity=Severity.WARNING)


def following(element: Node) -> Node | None:
    return next((node for node in element.itersiblings("*")), None)


SOUND_HINT = "a sound document may hold Play, Wait and Speak; the platforms ignore the rest"


@rule("rule.sound-kind", "Response", fatal=True, hint=SOUND_HINT,
      source="plivo.md 1.6 confirmSound, dialMusic; vobiz.md 1.2 Dial, Conference")  # fmt: skip
def sound_kind(root: Node, context: Context) -> Found:
    if context.kind == "sound":
        for child in root.iterchildren("*"):
            if child.tag not in SOUND:
                yield Finding(
                    "rule.sound-kind", f"{child.tag!s} in a step of kind sound", child, fatal=True, hint=SOUND_HINT
                )


@rule("rule.speak-length", "Speak", source="plivo.md 1.1 (D:concepts/ssml)",
      hint="split it into several Speak elements")  # fmt: skip
def speak_length(speak: Node, context: Context) -> Found:
    if context.length > 3000 and (length := len(str(speak.xpath("string()")))) > 3000:
        yield f"Speak has {length} characters, and the platforms say at most 3000"


@rule("rule.speak-empty", "Speak", severity=Severity.WARNING, source="plivo.md 1.1",
      hint="give a default, or leave the element out when there is nothing to say")  # fmt: skip
def speak_empty(speak: Node, context: Context) -> Found:
    if len(speak) == 0 and not (speak.text or "").strip():
        yield "Speak says nothing"


@rule("rule.ssml-voice", "Speak", source="plivo.md 1.1 (SDKs RB, PH, JV enforce it), vobiz.md 1.2",
      hint='add voice="Polly.Joanna" or another Polly voice')  # fmt: skip
def ssml_voice(speak: Node, context: Context) -> Found:
    if len(speak) and not speak.get("voice", "WOMAN").startswith("Polly."):
        tag = next((child.tag for child in speak.iterchildren("*")), None)
        if tag is not None:
            yield f"Speak uses SSML ({tag!s}) without a Polly voice"


NO_VOICE = {"MAN": {"da-DK", "fr-CA", "ru-RU", "sv-SE"}, "WOMAN": {"pt-PT"}}
PLAIN_LANGUAGES = frozenset(
    "da-DK nl-NL en-AU en-GB en-US fr-FR fr-CA de-DE it-IT pl-PL pt-PT pt-BR ru-RU es-ES es-US sv-SE".split()
)


@rule("rule.voice-language", "Speak", about="language", severity=Severity.WARNING,
      source="plivo.md 1.1 (D), vobiz.md 1.2",
      hint="take the other voice, or a Polly voice of the language")  # fmt: skip
def voice_language(speak: Node, context: Context) -> Found:
    language, voice = speak.get("language", ""), speak.get("voice", "WOMAN")
    if voice in NO_VOICE and (language not in PLAIN_LANGUAGES or language in NO_VOICE[voice]):
        yield f"there is no {voice} voice for {language}"


@rule("rule.prosody-empty", "prosody", source="plivo.md 1.1 (SDKs)", hint='add rate="slow", for example')
def prosody_empty(prosody: Node, context: Context) -> Found:
    if not prosody.attrib:
        yield "prosody has none of volume, rate and pitch"


@rule("rule.wait-silence", "Wait", about="silence", source="plivo.md 1.2, vobiz.md 1.2",
      hint="length is in seconds, minSilence in milliseconds and must be the shorter one")  # fmt: skip
def wait_silence(wait: Node, context: Context) -> Found:
    if wait.get("silence") == "true":
        length, silence = wait.get("length", "1"), wait.get("minSilence", "2000")
        if _WHOLE.fullmatch(length) and _WHOLE.fullmatch(silence) and int(silence) >= int(length) * 1000:
            yield f"Wait for {length} s cannot hear a silence of {silence} ms"


@rule("rule.no-effect", "Wait", severity=Severity.WARNING, source="plivo.md 1.2 (DO), vobiz.md 1.2",
      hint='minSilence works with silence="true" only, beep without both')  # fmt: skip
def wait_no_effect(wait: Node, context: Context) -> Found:
    silence = wait.get("silence") == "true"
    if "minSilence" in wait.attrib and not silence:
        yield "minSilence has no effect"
    if wait.get("beep", "false") != "false" and (silence or "minSilence" in wait.attrib):
        yield "beep has no effect"


@rule("rule.hangup-last", "Hangup", about="schedule", source="plivo.md 1.2 (DO: hangs up at once), vobiz.md 1.2",
      hint="put what the caller hears until then after it, or leave schedule out")  # fmt: skip
def hangup_last(hangup: Node, context: Context) -> Found:
    if following(hangup) is None:
        yield "a scheduled Hangup in last place hangs up at once"


@rule("rule.unreachable", "Hangup Redirect Speak Play", severity=Severity.WARNING,
      source="plivo.md 1.0-1.2, vobiz.md 1.1-1.2", hint="remove what follows, or move it in front")  # fmt: skip
def unreachable(element: Node, context: Context) -> Found:
    if element.tag in ("Speak", "Play"):
        ends = element.get("loop") == "0"
    else:
        ends = element.tag == "Redirect" or "schedule" not in element.attrib
    if ends and (after := following(element)) is not None:
        loop = ' with loop="0"' if element.tag in ("Speak", "Play") else ""
        yield Finding("rule.unreachable", f"{after.tag!s} never runs: it stands after {element.tag!s}{loop}", after,
                      hint="remove it, or move it in front", severity=Severity.WARNING)  # fmt: skip


@rule("rule.no-fall-through", " ".join(INPUT), severity=Severity.WARNING, source="plivo.md 1.0, 1.3; vobiz.md 1.2",
      hint="add what a silent caller gets: a Speak and a Redirect, for example")  # fmt: skip
def no_fall_through(element: Node, context: Context) -> Found:
    if following(element) is None:
        yield f"nothing follows {element.tag!s}: a caller who enters nothing is hung up on"


@rule("rule.input-type", "GetInput Gather", severity=Severity.WARNING,
      source="plivo.md 1.4, vobiz.md 1.2 (no default stated)",
      hint='add inputType="dtmf", "speech" or "dtmf speech"')  # fmt: skip
def input_type(element: Node, context: Context) -> Found:
    if "inputType" not in element.attrib:
        yield f"{element.tag!s} does not say whether it wants keys or speech, and no default is documented"


@rule("rule.hints", "GetInput Gather", about="hints", source="plivo.md 1.4, vobiz.md 1.2",
      hint="at most 500 phrases, 100 characters each, 10000 together")  # fmt: skip
def hints(element: Node, context: Context) -> Found:
    text = element.get("hints", "")
    phrases = text.split(",")
    if len(phrases) > 500 or len(text) > 10_000 or any(len(phrase.strip()) > 100 for phrase in phrases):
        yield f"hints has {len(phrases)} phrases and {len(text)} characters, or one that is too long"


@rule("rule.sip-auth", "User", source="plivo.md 1.6", hint="write sipAuthUsername and sipAuthPassword, or neither")
def sip_auth(user: Node, context: Context) -> Found:
    if ("sipAuthUsername" in user.attrib) != ("sipAuthPassword" in user.attrib):
        yield "User has one of sipAuthUsername and sipAuthPassword, and they only work together"


@rule("grammar.comment-in-text", "Number User Play Redirect Dial", hint="move the comment out of the element",
      source="many parsers call the text up to the first comment an element's text")  # fmt: skip
def comment_in_text(element: Node, context: Context) -> Found:
    if len(element) and text_of(element).strip() and any(not isinstance(child.tag, str) for child in element):
        yield f"a comment stands in the text of {element.tag!s}, and a platform may read only what stands before it"


def header_faults(text: str, *, names: re.Pattern[str], reserved: re.Pattern[str]) -> Iterator[str]:
    """Faults of a `sipHeaders` value, for the dialects: which names are good differs."""
    for pair in text.split(","):
        name, equals, value = pair.strip().partition("=")
        if not equals:
            yield f'"{pair.strip()[:40]}" in sipHeaders is not name=value'
        elif not names.fullmatch(name) or not re.fullmatch("[A-Za-z0-9]*", value):
            yield f'"{pair.strip()[:40]}" in sipHeaders has other characters than letters and digits'
        elif reserved.match(name):
            yield f"the platform drops the header {name}: its name is reserved"
