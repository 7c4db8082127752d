"""Vobiz: a document in Plivo's vocabulary, turned into Vobiz's (vobiz.md 1.2 and 1.4).

Three tables say it all: what is renamed, which ranges are narrower, and where the platforms' defaults differ (then
Plivo's is written out, so that a flow behaves the same on both). What Vobiz has no word for is found by comparing the
two XSDs; it is dropped, so that the document stays valid for a live call, and told as a problem at check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ...models import Severity
from ..findings import TEXT, Finding, Node, text_of
from ..rules import Context, Found, Rule, header_faults, rule
from ..schema import model
from .contract import AUTHORED, Dialect

NAME = "vobiz"


@dataclass(frozen=True, slots=True)
class Default:
    """An attribute left out by the author where the two platforms would then do different things."""

    element: str
    attribute: str
    plivo: str
    vobiz: str
    source: str


# Not here, because Plivo's default cannot be written on Vobiz: GetDigits numDigits 99 (Vobiz counts to 32, its
# default), Dial dialMusic (Plivo: none; Vobiz: real, and takes real or a URL only), Dial callerId (no value means
# "the caller's own": rule.caller-id).
DEFAULTS = (
    Default("GetDigits", "timeout", "5", "15", "plivo.md 1.3, vobiz.md 1.2 executionTimeout"),
    Default("GetDigits", "digitTimeout", "2", "auto", "plivo.md 1.3, vobiz.md 1.2 digitEndTimeout"),
    Default("GetDigits", "inputType", "dtmf", "", "plivo.md 1.3 (keys by nature), vobiz.md 1.2 (none stated)"),
)

ELEMENTS = {"GetInput": "Gather", "GetDigits": "Gather"}  # vobiz.md 1.4
ATTRIBUTES = {  # vobiz.md 1.4 (D:compare/plivo/call-control-xml)
    ("GetDigits", "timeout"): "executionTimeout",
    ("GetDigits", "digitTimeout"): "digitEndTimeout",
    ("GetDigits", "inputType"): "inputType",  # ours, from DEFAULTS
}
RANGES = {  # vobiz.md 1.2 Gather
    ("GetDigits", "timeout"): (5, 60),
    ("GetDigits", "digitTimeout"): (2, 10),
    ("GetDigits", "numDigits"): (1, 32),
}
_HEADER_END = "X-VH"


@lru_cache
def _touched() -> tuple[str, ...]:
    """Tags that conversion has anything to do with; all others are the same on both platforms."""
    authored, ours = model(AUTHORED).elements, model(NAME).elements
    differ = {
        name
        for name in ours
        if name in authored and not authored[name].attributes.keys() <= ours[name].attributes.keys()
    }
    lost = {child for parent in authored for child in authored[parent].children if _lost(parent, child)}
    return tuple(differ | lost | set(ELEMENTS) | {"Wait", "Dial", "User"})


@lru_cache
def _lost(parent: str, child: str) -> bool:
    """Whether `child` may stand in `parent` as authored, and not here, though both exist here."""
    authored, ours = model(AUTHORED).elements, model(NAME).elements
    parent_here, child_here = ELEMENTS.get(parent, parent), ELEMENTS.get(child, child)
    if parent_here not in ours or child_here not in ours or parent not in authored:
        return False
    return child in authored[parent].children and child_here not in ours[parent_here].children


def convert(root: Node) -> list[Finding]:
    found: list[Finding] = []
    authored, ours = model(AUTHORED).elements, model(NAME).elements
    renamed: dict[Node, str] = {}
    for element in list(root.iter(*_touched())):
        tag = str(element.tag)
        here = ELEMENTS.get(tag, tag)
        if tag not in authored or here not in ours:
            continue  # the grammar tells: of an unknown element, or of one this platform does not have
        parent = element.getparent()
        if parent is not None and _lost(renamed.get(parent, str(parent.tag)), tag):
            found.append(
                _no_equivalent(
                    element, "", f"{tag} inside {renamed.get(parent, parent.tag)!s}", "put it before or after"
                )
            )
            parent.remove(element)
            continue
        attributes = {str(key): str(value) for key, value in element.attrib.items()}
        converted = _attributes(element, tag, attributes, found)
        if converted != attributes:
            element.attrib.clear()
            element.attrib.update(converted)
        if here != tag:
            renamed[element] = tag
            element.tag = here
    return found


def _attributes(element: Node, tag: str, attributes: dict[str, str], found: list[Finding]) -> dict[str, str]:
    known, known_here = (
        model(AUTHORED).elements[tag].attributes,
        model(NAME).elements[ELEMENTS.get(tag, tag)].attributes,
    )
    converted: dict[str, str] = {}
    defaults = {row.attribute: row.plivo for row in DEFAULTS if row.element == tag}
    for name, value in (defaults | attributes).items():
        new = ATTRIBUTES.get((tag, name), name)
        if new in known_here:
            converted[new] = _in_range(element, tag, name, new, value, found)
        elif name not in known:
            converted[name] = value  # known to neither: the grammar tells, or the operator lets it pass
        elif value != known[name].default:
            found.append(_no_equivalent(element, name, f"{tag} {name}", ""))
    if "sipHeaders" in converted:
        converted["sipHeaders"] = ",".join(_header(pair) for pair in converted["sipHeaders"].split(","))
    if tag == "Wait" and "=" in converted.get("beep", ""):
        found.append(_no_equivalent(element, "beep", "Wait beep with parameters", 'write beep="true"'))
        converted["beep"] = "true"
    return converted


def _in_range(element: Node, tag: str, name: str, new: str, value: str, found: list[Finding]) -> str:
    low, high = RANGES.get((tag, name), (0, 0))
    if not high or not re.fullmatch("[0-9]{1,9}", value) or low <= int(value) <= high:
        return value
    nearest = str(min(max(int(value), low), high))
    found.append(
        Finding(
            "rule.converted",
            f"{tag} {name} {value} becomes {new} {nearest} on Vobiz, which takes {low} to {high}",
            element,
            name,
            hint="write a value both platforms take, or a <step>.vobiz.xml",
            severity=Severity.WARNING,
        )
    )
    return nearest


def _no_equivalent(element: Node, name: str, what: str, hint: str) -> Finding:
    hint = (f"{hint}, " if hint else "leave it out, ") + "or write a <step>.vobiz.xml"
    return Finding(
        "rule.no-equivalent", f"{what} has no equivalent on Vobiz, and is left out there", element, name, hint
    )


def _header(pair: str) -> str:
    """2026-11: plain keys in D:xml/dial and /user; each must end in X-VH, or the whole set is dropped without a word,
    in D:xml/request/sip-headers and the vendor's live-tested application (vobiz.md 1.2). A key that ends in X-VH is
    right under both readings; it arrives as X-VH-<stem>."""
    name, equals, value = pair.strip().partition("=")
    return name + ("" if name.endswith(_HEADER_END) or not name else _HEADER_END) + equals + value


RULES: list[Rule] = []

_NAMES = re.compile("[A-Za-z0-9]+(?:-?X-VH)?")
_RESERVED = re.compile("(?!)")  # none is documented


@rule("rule.sip-headers", "Dial User", about="sipHeaders", source="vobiz.md 1.2", into=RULES,
      hint="name=value,name=value with letters and digits only; they arrive as X-VH-name")  # fmt: skip
def sip_headers(element: Node, context: Context) -> Found:
    yield from header_faults(element.get("sipHeaders", ""), names=_NAMES, reserved=_RESERVED)


@rule("rule.sip-headers-end", "Dial User", about="sipHeaders", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/request/sip-headers, live-tested)",
      hint="write roomX-VH=7 for the header X-VH-room")  # fmt: skip
def sip_headers_end(element: Node, context: Context) -> Found:
    for pair in element.get("sipHeaders", "").split(","):
        name = pair.strip().partition("=")[0]
        if name and not name.endswith(_HEADER_END):
            yield f"the SIP header {name} does not end in {_HEADER_END}, and Vobiz then drops all of them"


@rule("rule.caller-id", "Dial", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/dial/user, live-tested)",
      hint='write callerId="+..." with a number of the account')  # fmt: skip
def caller_id(dial: Node, context: Context) -> Found:
    if not dial.get("callerId"):
        yield "Dial without callerId: on an inbound call Vobiz then dials nobody, and sends no callback"


@rule("rule.confirm-key", "Dial", about="confirmKey", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/dial: unverified)", hint="do not rely on it to keep anybody out")  # fmt: skip
def confirm_key(dial: Node, context: Context) -> Found:
    yield "Vobiz may connect the call without the confirmKey being pressed"


_NUMBER = "a phone number of 7 to 15 digits with its country code, such as +14155550123"


@rule("grammar.dial", "Dial", into=RULES, source="vobiz.md 1.2 (D:xml/dial: a bare number is allowed)",
      hint="add <Number>...</Number>")  # fmt: skip
def dial_content(dial: Node, context: Context) -> Found:
    """Number and User, or one bare number: mixed content to XSD, which cannot tell the two apart."""
    text = text_of(dial).strip(" \t\r\n")
    children = next(dial.iterchildren("*"), None) is not None
    if text and children:
        message = f'Dial contains the text "{text[:40]}" beside its elements'
        yield Finding("grammar.unexpected-text", message, dial, TEXT, hint="put each number into a Number")
    elif not text and not children:
        message = "Dial contains no Number or User, and needs at least one"
        yield Finding("grammar.missing-child", message, dial, hint="add <Number>...</Number>")
    elif text and not re.fullmatch(r"\+?[1-9][0-9]{6,14}", text, re.ASCII):
        message = f'the text of Dial is "{text[:40]}", and must be {_NUMBER}'
        yield Finding("grammar.bad-value", message, dial, TEXT)


_NO_MULTIPARTY = "Vobiz has no equivalent; use Conference"

DIALECT = Dialect(
    NAME,
    convert,
    tuple(RULES),
    instead={
        "GetInput": "write Gather",
        "GetDigits": "write Gather",
        "MultiPartyCall": _NO_MULTIPARTY,
        "Message": "Vobiz has no equivalent",
        "Say": "write Speak",
        "Pause": "write Wait",
        "Sip": "write User with a sip: address",
        "AudioStream": "write Stream",
        "Preanswer": "write PreAnswer",
    },
)
