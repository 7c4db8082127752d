"""Whom a Dial calls, and what each of them is sent: SIP headers, tones, the caller's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..calls import Dialled
from ..document import Element
from .turn import Turn

if TYPE_CHECKING:
    from ..platform import Platform


def targets(turn: Turn) -> list[tuple[str, Dialled]]:
    """Number or SIP URI, and what the Dial says about it."""
    element, platform, leg = turn.element, turn.platform, turn.leg
    called = [child for child in element.children if child.name in ("Number", "User")]
    called = called or [Element("Number", {}, element.text)]
    most = platform.dialect.dial_destinations
    if most and len(called) > most:
        platform.note(leg, "note", f"only the first {most} of {len(called)} are dialled: more the platform does not do")
        called = called[:most]
    return [(child.text, _dialled(platform, turn, child, position)) for position, child in enumerate(called, start=1)]


def _dialled(platform: Platform, turn: Turn, target: Element, position: int) -> Dialled:
    element = turn.element
    headers: tuple[tuple[str, str], ...] = ()
    for text in (element.get("sipHeaders"), target.get("sipHeaders")):
        taken, problem = sip_headers(platform, text)
        headers += taken
        if problem:
            platform.note(turn.leg, "note", f"sipHeaders: {problem}")
    return Dialled(
        position,
        element.get("callbackUrl").strip(),
        element.get("callbackMethod") or "POST",
        element.get("confirmSound").strip(),
        element.get("confirmKey").strip(),
        element.number("confirmTimeout", 120),
        caller_name=element.get("callerName").strip()[:50],  # 50 characters: both platforms' docs, Dial
        sip_headers=headers,
        send_digits=target.get("sendDigits").strip(),
        send_on_preanswer=target.flag("sendOnPreanswer", False),
    )


def sip_headers(platform: Platform, text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Headers as they arrive, and what is wrong with the others. Letters and digits only (both platforms' docs, Dial).
    Where names have to end in the platform's mark, one that does not loses them all (Vobiz docs, SIP headers).
    """
    if not text:
        return (), ""
    dialect = platform.dialect
    mark = dialect.sip_prefix.rstrip("-") if platform.switches.sip_header_names == "marked" else ""
    taken: list[tuple[str, str]] = []
    problems: list[str] = []
    for pair in (pair.strip() for pair in text.split(",") if pair.strip()):
        name, equals, value = pair.partition("=")
        stem = name.removesuffix(mark).removesuffix("-" if mark else "")
        if mark and not name.endswith(mark):
            return (), f"{name[:40]} does not end in {mark}, and all are dropped"
        if not equals or not re.fullmatch("[A-Za-z0-9]+", stem) or not re.fullmatch("[A-Za-z0-9]*", value):
            problems.append(f"{pair[:40]} is dropped: not letters and digits")
        elif dialect.sip_reserved.match(stem):
            problems.append(f"{stem[:40]} is dropped: the name is reserved")
        else:
            taken.append((dialect.sip_prefix + stem, value))
    return tuple(taken), "; ".join(problems)
