"""Dial policy: which numbers, SIP addresses and foreign URLs a document may name.

It is looked at on the final document, in the platform's own vocabulary, so nothing a template, a caller or a back end
does gets around it. A number passes when its E.164 form stands whole in the flow's own files (collect_written) or
matches CALLFLOWS_DIAL_ALLOW; premium-rate and satellite numbers, SIP addresses, foreign hosts and any socket pass by an
entry only. What a value must look like is checked here again, strictly, and not left to the grammar: what is not
understood is refused.

Entries: `+14155550123` (that number, and any that starts with it), `+1415` or `+1415*` (prefix), `US` (region),
`sip:agent@example.com`, `sip:example.com` (anybody there), `https://host[:port]` or `wss://host[:port]` (that origin),
`host.example.org` (any URL there, sockets too), and `*`: everything but premium-rate and satellite numbers. `*` makes
toll fraud possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..errors import ConfigError
from ..marks import LINK_OPEN
from .findings import MOST, TEXT, Finding, Node, text_of
from .numbers import SPACE, e164, is_region, is_valid, region, risk
from .outline import outline

SETTING = "CALLFLOWS_DIAL_ALLOW"

# What is looked at, and how. A URL is, when what it answers is run (documents, also those of Play, Speak and Wait that
# make music: every such attribute has a method beside it or is fetched by POST), or when it is told of the call: its
# numbers, keys, words and recordings. Stream is sent the caller's voice. Not here: Play and invalidDigitsSound, which
# fetch audio with nothing of the call, and sendDigits and DTMF, which dial nobody.
CHECKED: dict[str, dict[str, str]] = {
    "Number": {TEXT: "number", "callerId": "caller-id"},
    "User": {TEXT: "sip", "callerId": "caller-id"},
    "Dial": {TEXT: "bare-number", "callerId": "caller-id", "action": "url", "callbackUrl": "url",
             "confirmSound": "url", "dialMusic": "sound"},
    "GetInput": {"action": "url", "interimSpeechResultsCallback": "url"},
    "GetDigits": {"action": "url"},
    "Gather": {"action": "url", "interimSpeechResultsCallback": "url"},
    "Redirect": {TEXT: "url"},
    "Record": {"action": "url", "callbackUrl": "url", "transcriptionUrl": "url"},
    "Conference": {"action": "url", "callbackUrl": "url", "transcriptionUrl": "url", "waitSound": "url",
                   "enterSound": "sound", "exitSound": "sound"},
    "MultiPartyCall": {
        "onExitActionUrl": "url", "statusCallbackUrl": "url", "recordingCallbackUrl": "url", "transcriptionUrl": "url",
        "waitMusicUrl": "url", "agentHoldMusicUrl": "url", "customerHoldMusicUrl": "url", "startRecordingAudio": "url",
        "stopRecordingAudio": "url", "enterSound": "sound", "exitSound": "sound",
        "aiAgentStreamServiceUrl": "stream", "aiAgentStreamStatusCallbackUrl": "url"},
    "Stream": {TEXT: "stream", "statusCallbackUrl": "url"},
    "Message": {"src": "caller-id", "dst": "numbers", "callbackUrl": "url"},
}  # fmt: skip
URL_KINDS = ("url", "sound", "stream")

_ENTRY_NUMBER = re.compile(r"\+[1-9][0-9]{0,14}\*?", re.ASCII)
_ENTRY_SIP = re.compile(r"sips?:([^@\s]+@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_ENTRY_HOST = re.compile(r"(?=[^.]*\.)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z0-9-]{1,63}", re.ASCII)
_SIP = re.compile(
    r"(sips?):([A-Za-z0-9_.!~*'()&=+$,/%-]+)@([A-Za-z0-9.-]+)(:[0-9]{1,5})?((?:;[A-Za-z0-9_.=-]+)*)", re.ASCII
)
_ORIGIN = re.compile(
    r"(https?|wss?)://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?=[/?#]|\Z)", re.ASCII | re.IGNORECASE
)
_NAMED = re.compile("[A-Za-z0-9_-]*(?::[0-9])?", re.ASCII)  # a sound that is no URL: real, none, beep:1, or empty
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in a flow's own files. `bare` are digits without a `+` where a number is meant: they count when
    they are a valid number, which is looked at when one is to be dialled, as tables may hold many."""

    numbers: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()

    def __or__(self, other: Written) -> Written:
        return Written(self.numbers | other.numbers, self.bare | other.bare)

    def __contains__(self, number: str) -> bool:
        return number in self.numbers or (number in self.bare and is_valid(number))


# With its plus, and whole: no part of an address, a path, or a longer run of letters, digits and what stands between
# them. A comma may follow, as in a table's next column.
_PLUS = re.compile(r"(?<![\w+/@%&#])(?<!\w[-.])\+[1-9][0-9]{6,14}(?![\w@/%])(?![-./] ?[\w(]| ?\( ?[0-9]| [0-9])")
# Without: all that is in a Number (or Vobiz's Dial), or in quotes; or all of the text, which then is a constant.
_BARE = re.compile(
    r""">\s*([1-9][0-9]{7,14})\s*</(?:Number|Dial)\s*>|(["'])([1-9][0-9]{7,14})\2|\A([1-9][0-9]{7,14})\Z"""
)
# Several in quotes, joined as Message takes them.
_JOINED = re.compile(r"""(["'])((?:\+?[1-9][0-9]{7,14}(?:&lt;|<))+\+?[1-9][0-9]{7,14})\1""")


def collect_written(texts: Iterable[str]) -> Written:
    """The numbers an author wrote, in texts of templates, string constants and whole tables: in E.164 with a `+`, or
    as digits that are all of a Number or of a quoted text. Dates, counts and parts of longer numbers are none."""
    numbers: set[str] = set()
    bare: set[str] = set()
    for text in texts:
        for match in _JOINED.finditer(text):
            bare.update(f"+{number.removeprefix('+')}" for number in re.split("&lt;|<", match[2]))
        numbers.update(match[0] for match in _PLUS.finditer(text))
        bare.update(f"+{match[1] or match[3] or match[4]}" for match in _BARE.finditer(text.strip(SPACE)))
    return Written(frozenset(numbers), frozenset(bare))


def origin(url: str) -> Origin | None:
    """Scheme, host and port, made comparable; None for what is not plainly an absolute URL (user names, back
    slashes, encoded or international hosts)."""
    found = _ORIGIN.match(url)
    if found is None:
        return None
    scheme = found[1].lower()
    host = found[2].lower().removesuffix(".")
    port = int(found[3]) if found[3] else _PORTS[scheme]
    return (scheme, host, port) if host and 0 < port < 65536 else None


_origin_of_base = lru_cache(maxsize=16)(origin)


class DialPolicy:
    """CALLFLOWS_DIAL_ALLOW, parsed. An entry nobody can read is a ConfigError that names all of them."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._exact: set[str] = set()
        prefixes: list[str] = []
        self._regions: set[str] = set()
        self._sip: set[str] = set()
        self._sip_hosts: set[str] = set()
        self._origins: set[Origin] = set()
        self._hosts: set[str] = set()
        self._any = False
        bad = [entry for entry in allow if not self._take(entry.strip(), prefixes)]
        self._prefixes = tuple(prefixes)
        if bad:
            raise ConfigError(
                f"{SETTING}: {', '.join(repr(entry) for entry in bad)}"
                + (" is not an entry" if len(bad) == 1 else " are no entries"),
                hint="write +14155550123, +1415 (prefix), US (region), sip:user@host, sip:host, https://host, "
                "wss://host or *",
            )

    def _take(self, entry: str, prefixes: list[str]) -> bool:
        if entry == "*":
            self._any = True
        elif _ENTRY_NUMBER.fullmatch(entry):
            prefixes.append(entry.removesuffix("*"))
            if not entry.endswith("*"):
                self._exact.add(entry)
        elif re.fullmatch("[A-Za-z]{2}", entry) and is_region(entry.upper()):
            self._regions.add(entry.upper())
        elif (sip := _ENTRY_SIP.fullmatch(entry)) is not None:
            host = sip[2].lower() + (sip[3] or "")
            if sip[1]:
                self._sip.add(f"{sip[1]}{host}")
            else:
                self._sip_hosts.add(host)
        elif "://" in entry:
            found = origin(entry.removesuffix("/"))
            if found is None or "/" in entry.removesuffix("/").partition("://")[2] or "?" in entry or "#" in entry:
                return False
            self._origins.add(found)
        elif _ENTRY_HOST.fullmatch(entry):
            self._hosts.add(entry.lower())
        else:
            return False
        return True

    def number(self, number: str) -> bool:
        """Whether an entry lets this E.164 number be dialled or shown, its risk aside."""
        if self._any or number.startswith(self._prefixes):
            return True
        return bool(self._regions) and region(number) in self._regions

    def exactly(self, number: str) -> bool:
        return number in self._exact

    def sip(self, address: str) -> bool:
        found = _SIP.fullmatch(address)
        if found is None:
            return False
        _, user, host, port, parameters = found.groups()
        # A parameter can lead the call elsewhere (maddr, route); only the transport is harmless.
        if re.sub(";transport=(udp|tcp|tls|ws|wss)", "", parameters, flags=re.IGNORECASE):
            return False
        host = host.lower()
        there = {host, host + (port or "")}
        return self._any or not there.isdisjoint(self._sip_hosts) or any(f"{user}@{at}" in self._sip for at in there)

    def url(self, found: Origin) -> bool:
        return self._any or found in self._origins or found[1] in self._hosts


def examine(root: Node, policy: DialPolicy, written: Written, public_url: str) -> list[Finding]:
    ours = _origin_of_base(public_url) if public_url else None
    found: list[Finding] = []
    for element in root.iter(*CHECKED):
        for name, kind in CHECKED[str(element.tag)].items():
            value = text_of(element) if name == TEXT else element.get(name)
            if value == "" and name == TEXT and len(element):
                continue  # child elements where the text should be: the grammar tells, and blocks
            if value is not None:
                found += _check(element, name, kind, value.strip(SPACE), policy, written, ours)
        if len(found) >= 2 * MOST:
            break  # each of them blocks the document, and phonenumbers is slow
    return found


def dialled_numbers(document: str) -> list[str]:
    """The numbers a document dials, each once, as `+` and digits."""
    found: dict[str, None] = {}
    for verb in (each for top in outline(document) for each in top.all()):
        if CHECKED.get(verb.tag, {}).get(TEXT) in ("number", "bare-number") and (number := e164(verb.text)):
            found.setdefault(number)
    return list(found)


def _check(
    element: Node, name: str, kind: str, value: str, policy: DialPolicy, written: Written, ours: Origin | None
) -> Iterator[Finding]:
    if kind == "numbers":
        faults = [number_fault(number, policy, written) for number in value.split("<")]
    else:
        faults = [_fault(kind, value, policy, written, ours)]
    for code, message, hint in filter(None, faults):
        yield Finding(code, message, element, name, hint)


Fault = tuple[str, str, str]  # code, message, hint


def _fault(kind: str, value: str, policy: DialPolicy, written: Written, ours: Origin | None) -> Fault | None:
    if kind in ("number", "bare-number"):
        return number_fault(value, policy, written) if value or kind == "number" else None
    if kind == "caller-id":
        return _caller_id(value, policy, written) if value else None
    if kind == "sip":
        return None if policy.sip(value) else _sip(value)
    if kind == "stream":
        return _socket(value, policy)
    return None if kind == "sound" and _NAMED.fullmatch(value) else _url(value, policy, ours)


def number_fault(text: str, policy: DialPolicy, written: Written = Written()) -> Fault | None:
    """Why `text` may not be dialled; None when it may."""
    number = e164(text)
    if not number:
        return "policy.number", f'"{_short(text)}" is not a number that can be checked', "write +14155550123"
    special = risk(number)
    if special:
        if policy.exactly(number):
            return None
        message = f"{number} is a {special} number, and those need an entry of their own, wherever they are written"
        return "policy.premium", message, f"to allow it, add {number} to {SETTING}"
    if number in written or policy.number(number):
        return None
    message = f"{number} may not be dialled: it stands in none of the flow's files and matches no entry of {SETTING}"
    where = region(number)
    hint = f"to allow it, add {number} to {SETTING}" + (f", or {where} for the whole region" if where else "")
    return "policy.number", message, hint


def _caller_id(text: str, policy: DialPolicy, written: Written) -> Fault | None:
    number = e164(text)
    if number and (number in written or policy.number(number)):
        return None
    if not number:
        return "policy.caller-id", f'"{_short(text)}" is not a number that can be shown', "write +14155550123"
    message = f"{number} may not be shown as caller: it is not in the flow's files and matches no entry of {SETTING}"
    return "policy.caller-id", message, f"to allow it, add {number} to {SETTING}"


def _sip(text: str) -> Fault:
    found = _SIP.fullmatch(text)
    if found is None:
        return "policy.sip", f'"{_short(text)}" is not a SIP address that can be checked', "write sip:agent@example.com"
    plain = f"sip:{found[2]}@{found[3].lower()}"
    hint = f"to allow it, add {plain} to {SETTING}, or sip:{found[3].lower()} for anybody there"
    if found[5]:
        hint += f"; of {found[5][1:]} only transport may be given"
    return "policy.sip", f"{_short(text)} may not be dialled: it matches no entry of {SETTING}", hint


def _url(text: str, policy: DialPolicy, ours: Origin | None) -> Fault | None:
    found = origin(text)
    if found is None:
        return "policy.foreign-url", f'"{_short(text)}" is not a URL that can be checked', "write https://host/path"
    if found == ours or (ours is None and LINK_OPEN in text) or policy.url(found):
        return None
    entry = _entry(found)
    message = f"{entry} is not ours: callers' data would go there, and its answer would steer the call"
    return "policy.foreign-url", message, f"use step_url(...), or add {entry} to {SETTING}"


def _socket(text: str, policy: DialPolicy) -> Fault | None:
    """Ours too: a document's host is not the one that takes audio, as a rule."""
    found = origin(text)
    if found is None:
        return "policy.foreign-url", f'"{_short(text)}" is not a URL that can be checked', "write wss://host/path"
    if policy.url(found):
        return None
    message = f"{_entry(found)} matches no entry of {SETTING}: what the caller says would go there"
    return "policy.foreign-url", message, f"to allow it, add {_entry(found)} to {SETTING}"


def _entry(found: Origin) -> str:
    scheme, host, port = found
    return f"{scheme}://{host}" + ("" if port == _PORTS[scheme] else f":{port}")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:80] + "..."
