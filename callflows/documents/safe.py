"""The document a caller gets when nothing else can be served: an apology, then another try, a person, or goodbye.

Written in the authored vocabulary and turned into the platform's like any other. `check_safe()` holds every language
and variant against each platform's grammar when the process starts, because nothing stands behind this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from ..models import Problem, errors_in
from .dialects import DIALECTS
from .judging import judge
from .numbers import e164
from .policy import DialPolicy, Written

EMPTY = "<Response/>"
_EXAMPLE = "https://example.com"
RETRY_WAIT_S = 2
DIAL_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Phrases:
    """`tag` and `voice` exist on both platforms (plivo.md 1.1: no WOMAN for pt-PT, no MAN for da-DK, ru-RU, sv-SE)."""

    tag: str
    wait: str
    dial: str
    sorry: str
    goodbye: str
    voice: str = "WOMAN"


_PHRASES = {
    "en": Phrases("en-US", "We are sorry, there is a technical problem. Please hold the line.",
        "We are sorry, there is a technical problem. We are connecting you to someone.",
        "We are sorry, there is a technical problem.", "Please call again later. Goodbye."),
    "es": Phrases("es-ES", "Lo sentimos, hay un problema técnico. Por favor, espere un momento.",
        "Lo sentimos, hay un problema técnico. Le pasamos con una persona.",
        "Lo sentimos, hay un problema técnico.", "Por favor, llame más tarde. Adiós."),
    "fr": Phrases("fr-FR", "Nous sommes désolés, il y a un problème technique. Veuillez patienter.",
        "Nous sommes désolés, il y a un problème technique. Nous vous mettons en relation avec quelqu'un.",
        "Nous sommes désolés, il y a un problème technique.", "Veuillez rappeler plus tard. Au revoir."),
    "de": Phrases("de-DE", "Es tut uns leid, es gibt eine technische Störung. Bitte bleiben Sie am Apparat.",
        "Es tut uns leid, es gibt eine technische Störung. Wir verbinden Sie weiter.",
        "Es tut uns leid, es gibt eine technische Störung.", "Bitte rufen Sie später wieder an. Auf Wiederhören."),
    "it": Phrases("it-IT", "Ci scusiamo, c'è un problema tecnico. Resti in linea, per favore.",
        "Ci scusiamo, c'è un problema tecnico. La mettiamo in contatto con una persona.",
        "Ci scusiamo, c'è un problema tecnico.", "Richiami più tardi, per favore. Arrivederci."),
    "pt": Phrases("pt-BR", "Desculpe, há um problema técnico. Por favor, aguarde na linha.",
        "Desculpe, há um problema técnico. Vamos transferir a sua ligação.",
        "Desculpe, há um problema técnico.", "Por favor, ligue mais tarde. Até logo."),
    "pt-PT": Phrases("pt-PT", "Lamentamos, há um problema técnico. Por favor, aguarde em linha.",
        "Lamentamos, há um problema técnico. Vamos transferir a sua chamada.",
        "Lamentamos, há um problema técnico.", "Por favor, ligue mais tarde. Adeus.", "MAN"),
    "nl": Phrases("nl-NL", "Het spijt ons, er is een technische storing. Blijft u aan de lijn.",
        "Het spijt ons, er is een technische storing. Wij verbinden u door.",
        "Het spijt ons, er is een technische storing.", "Belt u later terug. Tot ziens."),
    "pl": Phrases("pl-PL", "Przepraszamy, wystąpił problem techniczny. Proszę czekać na linii.",
        "Przepraszamy, wystąpił problem techniczny. Łączymy z konsultantem.",
        "Przepraszamy, wystąpił problem techniczny.", "Prosimy zadzwonić później. Do widzenia."),
    "sv": Phrases("sv-SE", "Vi beklagar, det har uppstått ett tekniskt fel. Var god dröj.",
        "Vi beklagar, det har uppstått ett tekniskt fel. Vi kopplar dig vidare.",
        "Vi beklagar, det har uppstått ett tekniskt fel.", "Ring gärna igen senare. Hej då."),
    "da": Phrases("da-DK", "Vi beklager, der er en teknisk fejl. Bliv venligst ved telefonen.",
        "Vi beklager, der er en teknisk fejl. Vi stiller dig videre.",
        "Vi beklager, der er en teknisk fejl.", "Ring venligst igen senere. Farvel."),
    "ru": Phrases("ru-RU", "Извините, произошла техническая ошибка. Пожалуйста, оставайтесь на линии.",
        "Извините, произошла техническая ошибка. Мы соединяем вас с оператором.",
        "Извините, произошла техническая ошибка.", "Пожалуйста, перезвоните позже. До свидания."),
}  # fmt: skip

LANGUAGES = tuple(_PHRASES)
# Variants Speak knows on both platforms; a tag that is none of them is spoken as its language's own.
_VARIANTS = ("en-AU", "en-GB", "en-US", "es-ES", "es-US", "fr-CA", "fr-FR", "pt-BR", "pt-PT")


def _phrases(language: str) -> tuple[Phrases, str]:
    """The phrases, and the tag to say them in. `language` may be of any case, or unknown: then English."""
    tag = language.strip().replace("_", "-")
    base = tag.partition("-")[0].lower()
    variants = {variant.lower(): variant for variant in _VARIANTS}
    exact = variants.get(tag.lower(), "")
    phrases = _PHRASES.get(exact) or _PHRASES.get(base) or _PHRASES["en"]
    return phrases, exact if exact and base in _PHRASES else phrases.tag


def safe_document(
    *,
    provider: str,
    language: str = "en-US",
    retry_url: str = "",
    dial: str = "",
    caller_id: str = "",
    callback: str = "",
) -> str:
    """With `retry_url`: apology, Wait, Redirect to it. Else apology, `dial` if there is one, goodbye, Hangup.

    `caller_id` goes with `dial`: a number of the account, such as the one that was called (Vobiz dials nobody on an
    inbound call without it). It is left out when it is no number. `callback`: where that Dial reports.
    """
    phrases, tag = _phrases(language)

    def speak(text: str) -> str:
        return f"<Speak voice={quoteattr(phrases.voice)} language={quoteattr(tag)}>{escape(text)}</Speak>"

    if retry_url:
        steps = [
            speak(phrases.wait),
            f'<Wait length="{RETRY_WAIT_S}"/>',
            f'<Redirect method="POST">{escape(retry_url)}</Redirect>',
        ]
    else:
        steps = [speak(phrases.dial if dial else phrases.sorry)]
        if dial:
            shown = f" callerId={quoteattr(e164(caller_id))}" if e164(caller_id) else ""
            told = f' callbackUrl={quoteattr(callback)} callbackMethod="POST"' if callback else ""
            steps.append(f'<Dial timeout="{DIAL_TIMEOUT_S}"{shown}{told}><Number>{escape(dial)}</Number></Dial>')
        steps += [speak(phrases.goodbye), "<Hangup/>"]
    return _in_dialect(f"<Response>{''.join(steps)}</Response>", provider)


@lru_cache(maxsize=256)
def _in_dialect(document: str, provider: str) -> str:
    convert = DIALECTS[provider].convert
    if convert is None:
        return document
    root = etree.fromstring(document)
    convert(root)
    return etree.tostring(root, encoding="unicode")


def silent_document() -> str:
    """For sound steps, which may hold Play, Wait and Speak only."""
    return '<Response><Wait length="1"/></Response>'


def check_safe(
    provider: str,
    *,
    dial: str = "",
    policy: DialPolicy | None = None,
    retry_url: str = "",
    callback: str = "",
    public_url: str = "",
) -> list[Problem]:
    """Errors of any variant in any language; none is what there should be. A `dial` number counts as written.
    `retry_url`, `callback`: links as the settings make them, as only those can be wrong."""
    retry_url = retry_url or f"{public_url.rstrip('/') or _EXAMPLE}/f?t=x&y=z"
    written = Written(frozenset({e164(dial)} - {""}))
    documents = {"empty": (EMPTY, "call"), "silent": (silent_document(), "sound")}
    for language in (*LANGUAGES, *_VARIANTS):
        for name, parts in (
            ("retry", {"retry_url": retry_url}),
            ("end", {}),
            ("dial", {"dial": dial}),
            ("told", {"dial": dial, "callback": callback or retry_url}),
        ):
            if dial or name not in ("dial", "told"):
                documents[f"{language}/{name}"] = (safe_document(provider=provider, language=language, **parts), "call")
    found: list[Problem] = []
    for name, (document, kind) in documents.items():
        verdict = judge(document, provider, kind=kind, native=True, policy=policy, written=written,
                        public_url=public_url or _EXAMPLE, file=f"safe document {name}")  # fmt: skip
        found += errors_in(verdict.problems)
    return found
