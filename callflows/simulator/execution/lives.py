"""The lives of the three kinds of leg: placed by REST, calling in, and dialled from a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import GoTo, HangUp, Key, Leg, Target, is_party, plain, pretty
from ..engine import Pause, Steps, sleep
from .documents import sound_document
from .flow import follow
from .keys import hear_tones
from .turn import hearing, waiting_transfer

if TYPE_CHECKING:
    from ..platform import Platform


def outbound_leg(platform: Platform, leg: Leg) -> Steps[None]:
    def life() -> Steps[None]:
        yield from sleep(platform.engine, platform.behaviour(leg.number).queued)
        yield from _ring(platform, leg, leg.call.ring_timeout)
        if leg.call.send_digits:
            hear_tones(platform, leg, leg.call.send_digits.partition("@")[0])
        yield from follow(platform, leg, waiting_transfer(platform, leg) or _answer(leg))

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
    if not is_party(leg.to_number):
        raise HangUp(2000, why=f"{leg.to_number[:80]!r} is neither a number nor a sip: URI")
    if plan.behaviour == "unreachable":
        yield from sleep(platform.engine, plan.after)
        raise HangUp(2000)
    leg.rang = plan.behaviour != "busy"
    if leg.rang:
        platform.note(leg, "ring", "rings")
        _introduce(platform, leg)
        platform.tell_parent(leg, "rings")
        if leg.parent is None:
            call = leg.call
            platform.notify(leg, call.ring_url, call.ring_method, platform.callbacks.ring(leg, platform.switches))
            _hang_up_on_ring(platform, leg, call.hangup_on_ring)
    patience = plan.gives_up_after if plan.behaviour == "no-answer" else plan.after
    if patience is None or patience >= timeout:
        yield from sleep(platform.engine, timeout)
        raise HangUp(6010)
    yield from sleep(platform.engine, patience)
    refusal = {"busy": 3010, "reject": 3020, "no-answer": 3000}.get(plan.behaviour)
    if refusal is not None:
        raise HangUp(refusal)
    platform.answer(leg)


def _introduce(platform: Platform, leg: Leg) -> None:
    """What a dialled phone gets with the call."""
    dialled = leg.dialled
    if dialled is None:
        return
    if dialled.caller_name:
        platform.note(
            leg, "note", f'is shown the caller\'s name "{dialled.caller_name}"', caller_name=dialled.caller_name
        )
    if dialled.sip_headers:
        headers = dict(dialled.sip_headers)
        listed = ", ".join(f"{name}: {value}" for name, value in headers.items())
        platform.note(leg, "note", f"gets the SIP headers {listed}", sip_headers=headers)
    if dialled.send_digits and dialled.send_on_preanswer:
        hear_tones(platform, leg, dialled.send_digits)


def _hang_up_on_ring(platform: Platform, leg: Leg, seconds: float | None) -> None:
    """Plivo docs: seconds from the beginning of the ringing to the hang-up. An answer between does not matter."""

    def hang_up() -> None:
        platform.drop(leg, HangUp(6000 if leg.answered else 1000, platform.dialect.title))

    if seconds is not None:
        leg.timers.append(platform.engine.after(seconds, hang_up, background=True))


def _dialled(platform: Platform, leg: Leg, timeout: float) -> Steps[None]:
    parent = leg.parent
    if parent is not None and plain(leg.to_number) == plain(parent.number):
        raise HangUp(2060, "Error", f"{pretty(leg.to_number)} would call itself")
    yield from _ring(platform, leg, timeout)
    platform.dial_event(leg, "answer")
    if leg.dialled is not None and leg.dialled.send_digits and not leg.dialled.send_on_preanswer:
        hear_tones(platform, leg, leg.dialled.send_digits)
    yield from _confirm(platform, leg)
    platform.tell_parent(leg, "confirmed")
    while True:
        message = yield Pause(None)
        if isinstance(message, Key) and parent is not None and parent.process is not None and not leg.detached:
            parent.process.send(Key(message.digit, by="B"))  # the Dial may be waiting for a pattern


def _confirm(platform: Platform, leg: Leg) -> Steps[None]:
    """confirmSound is heard by the one who answered, confirmKey is asked of them; confirmTimeout counts from the answer
    (Plivo docs, Dial). Without a key to press, whoever hears the sound to its end is connected.
    """
    dialled = leg.dialled
    if dialled is None:
        return
    clock = platform.clock
    until = clock.now() + dialled.confirm_timeout
    key = dialled.confirm_key if dialled.confirm_key and platform.switches.confirm_key == "enforced" else ""
    if dialled.confirm_sound:
        for element in (yield from sound_document(platform, leg, "confirmSound", dialled.confirm_sound)):
            if clock.now() < until:
                with hearing(platform, leg, element) as seconds:
                    left = until - clock.now()
                    if (yield from _presses(platform, key, left if seconds is None else min(left, seconds))):
                        return
    if key and not (yield from _presses(platform, key, until - clock.now())):
        raise HangUp(9110)


def _presses(platform: Platform, key: str, seconds: float) -> Steps[bool]:
    """Whether this key is pressed within `seconds`; without a key to wait for, they just pass."""
    until = platform.clock.now() + seconds
    while until - platform.clock.now() > 1e-9:
        message = yield Pause(until - platform.clock.now())
        if key and isinstance(message, Key) and message.digit == key:
            return True
    return False
