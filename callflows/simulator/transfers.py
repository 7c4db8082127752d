"""A transfer taking effect: the bridge is taken apart, each moved leg gets its document, the one left behind its fate.

Runs on the engine's thread, at the instant the REST request was accepted; the 202 has been sent already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .calls import GoTo, HangUp, Leg, Target

if TYPE_CHECKING:
    from .platform import Platform


def move_legs(platform: Platform, leg: Leg, targets: Mapping[str, Target]) -> None:
    """`targets`: `aleg` is `leg` itself, `bleg` whoever it is connected to."""
    if leg.ended_at is not None:
        return
    moves = [(leg, targets["aleg"])] if "aleg" in targets else []
    if "bleg" in targets:
        if leg.peer is None:
            platform.note(leg, "note", "transfer of the other leg: there is none")
        else:
            moves.append((leg.peer, targets["bleg"]))
    if platform.switches.both_order == "bleg-first":
        moves.reverse()
    for mover, target in moves:
        mover.transfers += 1
        platform.note(mover, "transfer", f"is moved to {target.url}", url=target.url)
    _sever(platform, leg, [mover for mover, _ in moves])
    for mover, target in moves:
        if 0 < platform.switches.transfer_limit < mover.transfers:
            platform.drop(mover, HangUp(2060, "Error", "too many transfers of one call"))
        elif mover.ended_at is None and mover.process is not None:
            mover.process.throw(GoTo(target))


def _sever(platform: Platform, leg: Leg, movers: list[Leg]) -> None:
    legs = [leg] if leg.peer is None else [leg, leg.peer]
    keeps_flow = platform.switches.other_leg == "keeps-flow" or len(legs) == 1
    if not movers:
        return
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
