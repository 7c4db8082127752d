"""Reading what was fetched: documents that a leg follows, and documents that are only sound."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from ..calls import Leg
from ..document import Element, InvalidDocument, parse
from ..engine import Steps
from ..fetching import Exchange

if TYPE_CHECKING:
    from ..platform import Platform

SOUNDS = ("Speak", "Play", "Wait")


def read_document(platform: Platform, exchange: Exchange) -> Element:
    switches, dialect = platform.switches, platform.dialect
    if not exchange.ok:
        raise InvalidDocument(exchange.error or f"HTTP {exchange.http_status}")
    kind = exchange.content_type.partition(";")[0].strip().lower()
    if kind not in ("application/xml", "text/xml") and switches.content_type == "xml-only":
        raise InvalidDocument(f"the content type is {kind or 'missing'}")
    read = partial(
        parse,
        exchange.body,
        dialect.vocabulary,
        bare_dial=dialect.dial_takes_bare_number,
        max_bytes=int(switches.max_document),
        languages=dialect.input_languages,
    )
    try:
        return read()
    except InvalidDocument:  # only of such a document does it matter what the platform overlooks
        return read(
            ignore_unknown=switches.unknown_element == "ignore", ignore_bad_values=switches.bad_value == "default"
        )


def sound_document(
    platform: Platform,
    leg: Leg,
    attribute: str,
    url: str,
    params: Mapping[str, str] | None = None,
    takes: tuple[str, ...] = SOUNDS,
) -> Steps[list[Element]]:
    """What `leg` is to hear from a confirmSound, a dialMusic or a waitSound: fetched by POST; Play, Speak and Wait,
    others ignored (both platforms' docs, Dial). One that cannot be had is silence, and never ends the call.
    """
    params = params or platform.callbacks.standard(leg, "Redirect", platform.switches)
    exchange = yield from platform.fetch(leg, "sound", url, "POST", params)
    try:
        document = read_document(platform, exchange)
    except InvalidDocument as error:
        platform.note(leg, "note", f"{attribute} is not played: {error}")
        return []
    for element in document.children:
        if element.name not in takes:
            platform.note(leg, "pass", f"{element.name} is passed over: not a sound", element=element.name)
    return [element for element in document.children if element.name in takes]
