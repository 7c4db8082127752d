"""Following documents: fetch one, carry out its elements in order, until a hang-up or the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import GoTo, HangUp, Key, Leg, Speech, Target
from ..document import Element, InvalidDocument, is_http_url
from ..engine import Pause, Steps, sleep
from ..hangups import invalid_method, invalid_url, invalid_xml, unreachable
from .attributes import strangers
from .conference import conference
from .dial import dial
from .documents import read_document
from .early import pre_answer
from .gather import get_digits, get_input
from .keys import dtmf
from .leave import hangup, redirect
from .noted import pass_over
from .record import record
from .sound import sound, wait
from .stream import stream
from .turn import Turn, Verb, count_step

if TYPE_CHECKING:
    from ..platform import Platform

VERBS: dict[str, Verb] = {
    "Speak": sound,
    "Play": sound,
    "Wait": wait,
    "GetDigits": get_digits,
    "GetInput": get_input,
    "Gather": get_input,
    "Dial": dial,
    "Record": record,
    "Conference": conference,
    "Redirect": redirect,
    "Hangup": hangup,
    "Stream": stream,
    "PreAnswer": pre_answer,
    "DTMF": dtmf,
}

# Any other element answers an inbound call that nothing has answered yet (Vobiz docs, Wait, PreAnswer, Hangup; Plivo's
# open-source engine). A Dial answers it when the other side does.
NOT_ANSWERING = frozenset(("Wait", "PreAnswer", "Hangup", "Dial", "Redirect"))


def follow(platform: Platform, leg: Leg, target: Target) -> Steps[None]:
    """Never returns: ends with HangUp. A GoTo, from an element or from a transfer, starts the next document."""
    while True:
        try:
            document = yield from _obtain(platform, leg, target)
            yield from _carry_out(platform, leg, document)
            raise HangUp(4010)
        except GoTo as move:
            target = move.target


def _obtain(platform: Platform, leg: Leg, target: Target) -> Steps[Element]:
    count_step(platform, leg)
    if not is_http_url(target.url):
        raise HangUp(invalid_url(target.purpose), why=target.url[:80])
    if target.method.upper() not in ("GET", "POST"):
        raise HangUp(invalid_method(target.purpose), why=target.method[:20])
    standard = platform.callbacks.standard(leg, target.event, platform.switches)
    params = standard | target.params
    problem: HangUp | None = None
    # only the answer URL has a fallback, in both platforms
    fallback = (leg.call.fallback_url, leg.call.fallback_method) if target.purpose == "answer" else ("", "")
    for url, method in ((target.url, target.method), fallback):
        if not url:
            continue
        exchange = target.answered or (yield from platform.fetch(leg, target.purpose, url, method, params))
        try:
            if exchange.ok:
                return read_document(platform, exchange)
            problem = HangUp(unreachable(target.purpose), why=exchange.error or f"HTTP {exchange.http_status}")
        except InvalidDocument as error:
            problem = HangUp(invalid_xml(target.purpose), why=str(error))
    problem = problem or HangUp(unreachable(target.purpose))
    if problem.code == invalid_xml("answer") and platform.dialect.answers_unread:
        if not leg.answered:
            platform.answer(leg)
        yield from sleep(platform.engine, 1.0)
    raise problem


def _carry_out(platform: Platform, leg: Leg, document: Element) -> Steps[None]:
    elements = document.children
    for position, element in enumerate(elements):
        yield from _let_move(leg)
        count_step(platform, leg)
        leg.element = element.name
        if leg.process is not None:
            leg.process.forget(Key, Speech)  # pressed or said while nothing listened
        if not leg.answered and element.name not in NOT_ANSWERING:
            platform.answer(leg)
        for name, attribute in strangers(element):
            platform.note(leg, "note", f"{name} has no attribute {attribute[:40]}: it is ignored")
        turn = Turn(platform, leg, element, first=position == 0, last=position == len(elements) - 1)
        yield from VERBS.get(element.name, pass_over)(turn)
    yield from _let_move(leg)


def _let_move(leg: Leg) -> Steps[None]:
    """A transfer was accepted during a fetch: what was fetched is not begun, the transfer throws its GoTo in here."""
    while leg.moving:
        yield Pause(None)
