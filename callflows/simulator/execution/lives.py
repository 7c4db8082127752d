"""The lives of the three kinds of leg: placed by REST, calling in, and dialled from a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import GoTo, HangUp, Key, Leg, Target, plain, pretty
from ..document import Element, InvalidDocument, is_http_url
from ..engine import Pause, Steps, sleep
from .flow import follow, read_document
from .turn import start_sound

if TYPE_CHECKING:
    from ..platform import Platform


def outbound_leg(platform: Platform, leg: Leg) -> Steps[None]:
    def life() -> Steps[None]:
        yield from sleep(platform.engine, platform.behaviour(leg.number).queued)
        yield from _ring(platform, leg, leg.call.ring_timeout)
        yield from follow(platform, leg, _answer(leg))

    yield from _until_it_ends(platform, leg, life())


def inbound_leg(platform: Platform, leg: Leg) -> Steps[None]:
    yield from _until_it_ends(platform, leg, follow(platform, leg, _answer(leg)))


def dialled_leg(platform: Platform, leg: Leg, timeout: float) -> Steps[None]:
    """Has no document of its own until a transfer gives it one."""

    def life() -> Steps[None]:
        try:
            yield from _dialled(platform, leg, timeout)
        except GoTo as move:
            yield from follow(platform, leg, move.target)

    yield from _until_it_ends(platform, leg, life())


def _until_it_ends(platform: Platform, leg: Leg, life: Steps[None]) -> Steps[None]:
    try:
        yield from life
    except HangUp as end:
        platform.finish(leg, end)


def _answer(leg: Leg) -> Target:
    return Target("answer", leg.call.answer_url, leg.call.answer_method, event="StartApp")


def _ring(platform: Platform, leg: Leg, timeout: float) -> Steps[None]:
    """Returns once the person answers."""
    plan = platform.behaviour(leg.number)
    leg.status = "ringing"
    if plan.behaviour == "unreachable":
        yield from sleep(platform.engine, plan.after)
        raise HangUp(2000)
    leg.rang = plan.behaviour != "busy"
    if leg.rang:
        platform.note(leg, "ring", "rings")
        if leg.parent is None:
            call = leg.call
            platform.notify(leg, call.ring_url, call.ring_method, platform.callbacks.ring(leg))
    patience = plan.gives_up_after if plan.behaviour == "no-answer" else plan.after
    if patience is None or patience >= timeout:
        yield from sleep(platform.engine, timeout)
        raise HangUp(6010)
    yield from sleep(platform.engine, patience)
    refusal = {"busy": 3010, "reject": 3020, "no-answer": 3000}.get(plan.behaviour)
    if refusal is not None:
        raise HangUp(refusal)
    platform.answer(leg)


def _dialled(platform: Platform, leg: Leg, timeout: float) -> Steps[None]:
    parent = leg.parent
    if parent is not None and plain(leg.to_number) == plain(parent.number):
        raise HangUp(2060, "Error", f"{pretty(leg.to_number)} would call itself")
    yield from _ring(platform, leg, timeout)
    platform.dial_event(leg, "answer")
    yield from _confirm(platform, leg)
    platform.tell_parent(leg, "confirmed")
    while True:
        message = yield Pause(None)
        if isinstance(message, Key) and parent is not None and parent.process is not None and not leg.detached:
            parent.process.send(Key(message.digit, by="B"))  # the Dial may be waiting for a pattern


def _confirm(platform: Platform, leg: Leg) -> Steps[None]:
    """confirmSound is heard by the one who answered, confirmKey is asked of them."""
    dialled = leg.dialled
    if dialled is None:
        return
    heard: list[object] = []
    if is_http_url(dialled.confirm_sound):
        for element in (yield from _confirm_sound(platform, leg, dialled.confirm_sound)):
            yield from _until_key(platform, start_sound(platform, leg, element), heard)
            if dialled.confirm_key in heard:
                return
    if dialled.confirm_key and platform.switches.confirm_key == "enforced":
        yield from _until_key(platform, dialled.confirm_timeout, heard, dialled.confirm_key)
        if dialled.confirm_key not in heard:
            raise HangUp(9110)


def _confirm_sound(platform: Platform, leg: Leg, url: str) -> Steps[list[Element]]:
    params = platform.callbacks.standard(leg, "Redirect", platform.switches)
    exchange = yield from platform.fetch(leg, "sound", url, "POST", params)
    try:
        document = read_document(platform, exchange)
    except InvalidDocument as error:
        platform.note(leg, "note", f"confirmSound is not played: {error}")
        return []
    return [element for element in document.children if element.name in ("Speak", "Play", "Wait")]


def _until_key(platform: Platform, seconds: float | None, heard: list[object], wanted: str = "") -> Steps[None]:
    """Until a key is pressed; with `wanted`, until that key is."""
    until = None if seconds is None else platform.clock.now() + seconds
    while until is None or until - platform.clock.now() > 1e-9:
        message = yield Pause(None if until is None else until - platform.clock.now())
        if isinstance(message, Key):
            heard.append(message.digit)
            if wanted in ("", message.digit):
                return
