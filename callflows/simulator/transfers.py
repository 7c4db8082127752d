"""A transfer taking effect: the bridge is taken apart, each moved leg gets its document, the one left behind its fate.

Runs on the engine's thread, at the instant the REST request was accepted; the 202 has been sent already. Whatever
element a moved leg is in is interrupted and the rest of its document discarded. What belongs to the leg and not to its
document stays: the keys its person will press, a recording of the session, a scheduled hang-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from .calls import GoTo, HangUp, Leg, Target
from .streams import end

if TYPE_CHECKING:
    from .platform import Platform


def move_legs(platform: Platform, leg: Leg, targets: Mapping[str, Target]) -> None:
    """`targets`: `aleg` is `leg` itself, `bleg` whoever it is connected to."""
    if "aleg" in targets:
        leg.moving -= 1
    if leg.ended_at is not None:
        for target in targets.values():
            _never(platform, leg, target, "the call has ended")
        return
    moves = [(leg, targets["aleg"])] if "aleg" in targets else []
    if "bleg" in targets:
        if leg.peer is None:
            platform.note(leg, "note", "transfer of the other leg: there is none")
        else:
            moves.append((leg.peer, targets["bleg"]))
    if not moves:
        return
    if platform.switches.both_order == "bleg-first":
        moves.reverse()
    # 70 per call, both legs together (Plivo docs, older Transfer page); one that moves both is one
    first = _root(leg)
    first.transfers += 1
    too_many = 0 < platform.switches.transfer_limit < first.transfers
    for mover, target in moves:
        if not too_many and _must_wait(platform, mover):
            _let_wait(platform, mover, target)
        else:
            platform.note(mover, "transfer", f"is moved to {target.url}", url=target.url)
    _sever(platform, leg, [mover for mover, _ in moves])
    for mover, target in moves:
        if too_many:
            _never(platform, mover, target, "too many transfers")
            platform.drop(mover, HangUp(2060, "Error", "too many transfers of one call"))
        elif mover.ended_at is not None:  # the first of the two took it along
            _never(platform, mover, target, "the call has ended")
        elif mover.waiting is not target and mover.process is not None:
            _tear_down(platform, mover)
            mover.process.throw(GoTo(target))


def _root(leg: Leg) -> Leg:
    return leg if leg.parent is None else _root(leg.parent)


def _must_wait(platform: Platform, leg: Leg) -> bool:
    """For the stream that keeps the call (switch stream_transfer), or for somebody to answer."""
    return (leg.held_by is not None and platform.switches.stream_transfer == "waits") or leg.rings_out


def _let_wait(platform: Platform, leg: Leg, target: Target) -> None:
    what = "the call is answered" if leg.rings_out else "the stream ends"
    if leg.waiting is not None:
        _never(platform, leg, leg.waiting, "another transfer replaces it")
    else:
        leg.afterwards.append(partial(_give_up_waiting, platform, leg))
    leg.waiting = target
    platform.note(leg, "note", f"the transfer to {target.url} waits until {what}", url=target.url)


def _give_up_waiting(platform: Platform, leg: Leg) -> None:
    target, leg.waiting = leg.waiting, None
    if target is not None:
        _never(platform, leg, target, "the call has ended")


def _never(platform: Platform, leg: Leg, target: Target, why: str) -> None:
    platform.note(leg, "note", f"the transfer to {target.url} is never fetched: {why}", url=target.url)


def _tear_down(platform: Platform, leg: Leg) -> None:
    """The streams of the document that is left, where a transfer does not wait for them (Vobiz docs, Stream)."""
    streams = [stream for stream in leg.streams if stream.of_document and stream.live]
    if streams and platform.switches.stream_transfer == "interrupts":
        event = "StopStream" if platform.switches.stop_stream_on_transfer == "sent" else ""
        for stream in streams:
            end(platform, stream, "torn down by a transfer", event)


def _sever(platform: Platform, leg: Leg, movers: list[Leg]) -> None:
    legs = [leg] if leg.peer is None else [leg, leg.peer]
    keeps_flow = platform.switches.other_leg == "keeps-flow" or len(legs) == 1
    for each in legs:
        each.peer = None
    for each in legs:
        if each in movers and each.parent not in movers and keeps_flow:
            platform.tell_parent(each, "left")  # who dialled it still waits in the Dial; its document goes on
        if each.parent is not None and (each in movers or each.parent in movers):
            each.detached = True
    for each in legs:
        if each not in movers:
            if not keeps_flow:
                platform.drop(each, HangUp(4000, platform.dialect.title, "the other leg was moved away"))
            elif each.detached:
                platform.note(each, "note", "is left alone, in silence: the other leg was moved away")
