"""What stands in a capture instead of what must not be shared: secrets, people, accounts, addresses.

A value is kept only where its name is known to carry the platform's own words or measures (`Event`, `Duration`). Any
other becomes a substitute of the same shape, or `[redacted]` where it has none: a parameter nobody has heard of may
hold a caller's name. The same value becomes the same substitute wherever it stands, in every process that has the key,
so that a call stays one call and `To` of one request is `From` of another. Without the key nothing leads back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .logs import Redactor
from .urls import is_loopback

REDACTED = "[redacted]"
HOST = "flows.example.com"  # stands for our own

_WORDS = frozenset(
    "Event CallStatus Direction HangupCause HangupCauseName HangupSource RouteType CountryCode STIRVerification "
    "STIRAttestation stir_verification ComplianceStatus Machine DialAction DialStatus DialRingStatus DialHangupCause "
    "DialBLegStatus DialBLegHangupCause DialBLegHangupCauseName DialBLegHangupSource DialDigitsPressedBy InputType "
    "RecordingEndReason ConferenceAction ConferenceFirstMember ConferenceLastMember EventName ParticipantRole "
    "ParticipantCoachMode status_callback_method".split()
)
_MEASURES = frozenset(
    "HangupCauseCode Duration BillDuration BillRate TotalCost SessionStart StartTime AnswerTime EndTime Timestamp "
    "timestamp DialHangupCauseCode DialBLegDuration DialBLegBillDuration DialBLegBillRate DialBLegPosition "
    "DialBLegHangupCauseCode DialBLegHangupCode SpeechConfidenceScore BilledAmount Stability SequenceNumber "
    "RecordingDuration RecordingDurationMs RecordingStartMs RecordingEndMs recording_duration recording_duration_ms "
    "recording_start_ms recording_end_ms ConferenceMemberID MemberID EventTimestamp MPCDuration MPCBilledDuration "
    "MPCBilledAmount ParticipantJoinTime ParticipantEndTime transcription_charge transcription_rate duration".split()
)
_ROOMS = frozenset(("ConferenceName", "MPCName", "MPCFriendlyName"))
_HIDDEN = re.compile(
    r"(?i)^t$|signature|auth|token|cookie|secret|key|nonce|passw|speech|caller-?name|transcription|text"
)
_PLAIN_HEADERS = frozenset(
    "user-agent accept accept-encoding accept-language accept-charset content-type content-length content-encoding "
    "connection cache-control pragma expect te transfer-encoding x-forwarded-proto x-forwarded-port".split()
)
_HOST_HEADERS = frozenset(("host", "x-forwarded-host", "x-original-host"))

_FEW_DIGITS = r"(?!(?:.*[0-9]){5})"  # no phone number, however it is written
_WORD = re.compile(_FEW_DIGITS + r"[A-Za-z][A-Za-z0-9_ .,()/-]{0,63}")
# up to eight digits, or a Unix time: in seconds, ms or µs
_MEASURE = re.compile(
    r"-?(\d{1,8}|1\d{9}|1\d{12}|1\d{15})(\.\d{1,9})?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_NAME = re.compile(_FEW_DIGITS + r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_HEADER_TEXT = re.compile(r"(?!.*(?:@|://))[\x20-\x7e]{1,300}")
_WRITTEN_NUMBER = re.compile(r"\d(?:[ ()+/-]*\d){6,}|\d{3}\.\d{3}\.\d{4}", re.ASCII)  # no version: 119.0.6045.105
_SAID_OF_NOBODY = frozenset("true false anonymous restricted unavailable unknown private".split())
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HEX_ID = re.compile(r"[0-9a-f]{32}|[0-9A-F]{32}")
_NUMBER = re.compile(r"([ +]?)([0-9]{7,15})")  # a plus that was not encoded arrives as a space
_KEYS = re.compile(r"[0-9*#]+")
_SIP = re.compile(r"(?is)([^<]*?)(<?)(sips?|tel):([^@>;?]*)(?:@([^>;?]*))?(.*)")
_TRANSPORT = re.compile(r"(?i);transport=(?:udp|tcp|tls|ws|wss)\b|;user=phone\b")
_STEP_NAME = re.compile(_FEW_DIGITS + r"(?=.*[a-z])[a-z0-9_][a-z0-9_-]{0,39}")
_MEDIA_PATH = frozenset(("v1", "Account", "Call", "Recording"))
_MEDIA_FILE = re.compile(rf"({_UUID.pattern})(\.(?:mp3|wav))?")


class Substitutes:
    """`secrets` appear nowhere, whatever they stand in; `public_url` is our own address."""

    def __init__(self, key: bytes, *, secrets: Iterable[str] = (), public_url: str = "") -> None:
        self._key = key
        self._redact = Redactor(secrets)
        self._base = public_url
        self._own_host = urlsplit(public_url).netloc.lower()

    def digest(self, kind: str, value: str | bytes) -> bytes:
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, kind.encode() + b"\0" + data, hashlib.sha256)

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[self.name(name), self.param(name, value)] for name, value in pairs]

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[self.name(name), self.header(name, value)] for name, value in headers]

    def name(self, name: str) -> str:
        """Names are what a capture is for; but a body that is no form arrives as one long name."""
        return self._kept(name) if name == "" or _NAME.fullmatch(name) else REDACTED

    def param(self, name: str, value: str) -> str:
        if not value:
            return value
        if name in _MEASURES and _MEASURE.fullmatch(value):
            return value
        if name in _WORDS and _WORD.fullmatch(value):
            return self._kept(value)
        if _HIDDEN.search(name):
            return REDACTED
        if name in _ROOMS:
            return f"room-{self.digest('room', value).hex()[:8]}"
        return self.shaped(value)

    def header(self, name: str, value: str) -> str:
        known = name.lower()
        if not value:
            return value
        if _HIDDEN.search(known):
            return REDACTED
        if known in _HOST_HEADERS:
            return self.host(value)
        if known in _PLAIN_HEADERS and _HEADER_TEXT.fullmatch(value):
            return self._kept(_WRITTEN_NUMBER.sub(lambda found: self.keys(found[0]), value))
        return self.shaped(value)

    def shaped(self, value: str) -> str:
        """A value of which only the shape may be known."""
        if value.lower() in _SAID_OF_NOBODY:
            return value
        if _UUID.fullmatch(value):
            return self.uuid(value)
        if _HEX_ID.fullmatch(value):
            found = self.digest("id", value.lower()).hex()[:32]
            return found if value == value.lower() else found.upper()
        if number := _NUMBER.fullmatch(value):
            return number[1] + self.number(number[2])
        if _KEYS.fullmatch(value):
            return self.keys(value)
        if value.startswith(("http://", "https://", "ws://", "wss://")):
            return self.url(value)
        if sip := _SIP.fullmatch(value):
            return self._sip(*sip.groups(""))
        try:
            ip_address(value)
        except ValueError:
            return REDACTED
        return self.host(value)

    def number(self, digits: str) -> str:
        """As many digits: 555-01xx, which nobody has, under an area code; where no area code can stand, behind a
        country code that nobody has.
        """
        national = re.fullmatch(r"(1?)([2-9]\d{9})", digits)
        seed = int.from_bytes(self.digest("number", national[2] if national else digits))
        while True:
            line, rest = f"55501{seed % 100:02}", seed // 100
            if national:
                found = f"{national[1]}{200 + rest % 800}{line}"
            else:
                found = ("999" + str(rest % 10**6).zfill(6))[: len(digits) - 7] + line
            if found != digits:
                return found
            seed += 1

    def keys(self, text: str) -> str:
        """As many keys, none of them what was pressed there; `*` and `#` stay."""
        stream = self.digest("keys", text) * (len(text) // 32 + 1)
        shifted = (
            str((int(key) + 1 + at % 9) % 10) if key.isdigit() else key for key, at in zip(text, stream, strict=False)
        )
        return "".join(shifted)

    def uuid(self, text: str) -> str:
        """Of the same version, variant and case."""
        new = self.digest("uuid", text.lower()).hex()
        version, variant = text[14].lower(), text[19].lower()
        found = f"{new[:8]}-{new[8:12]}-{version}{new[12:15]}-{variant}{new[15:18]}-{new[18:30]}"
        return found.upper() if text != text.lower() else found

    def host(self, text: str) -> str:
        """A host with or without a port. This machine stays itself, and ours has one name."""
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:]*)(:\d{1,5})?", text)
        name, port = (found[1], found[2] or "") if found else (text, "")
        bare = name.strip("[]").lower()
        if is_loopback(bare):
            return name + port
        if text.lower() == self._own_host or bare == self._own_host.partition(":")[0]:
            return HOST + port
        new = self.digest("host", bare)
        try:
            address = ip_address(bare)
        except ValueError:
            return f"h{new.hex()[:8]}.example.com{port}"
        if address.version == 4:
            return f"192.0.2.{1 + new[0] % 254}{port}"
        short = f"2001:db8::{new.hex()[:4].lstrip('0') or '1'}"
        return f"[{short}]{port}" if name.startswith("[") else short

    def url(self, text: str) -> str:
        """Of ours the path stays, of others what says that it is a recording. Query names stay, too."""
        try:
            parts = urlsplit(text)
        except ValueError:
            return REDACTED
        ours = bool(self._base) and text.startswith((f"{self._base}/", f"{self._base}?"))
        if ours:
            base = self._base if is_loopback(urlsplit(self._base).hostname or "") else f"https://{HOST}"
            path = text.removeprefix(self._base).partition("#")[0].partition("?")[0]
        else:
            base, path = f"{parts.scheme}://{self.host(parts.netloc.rpartition('@')[2])}", parts.path
        segments = (self._segment(segment, ours) for segment in path.split("/"))
        query = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        shown = (f"{name}={quote(value, safe='[]')}" for name, value in self.pairs(query))
        return base + "/".join(segments) + ("?" + "&".join(shown) if query else "")

    def _segment(self, text: str, ours: bool) -> str:
        if not text or (text in _MEDIA_PATH if not ours else _STEP_NAME.fullmatch(text)):
            return self._kept(text)
        file = None if ours else _MEDIA_FILE.fullmatch(text)
        return self.uuid(file[1]) + text[36:] if file else REDACTED

    def _sip(self, name: str, bracket: str, scheme: str, user: str, host: str, rest: str) -> str:
        if not host and scheme.lower() != "tel":
            user, host = "", user
        user = unquote(user)
        number = _NUMBER.fullmatch(user)
        who = (number[1] + self.number(number[2])) if number else f"user-{self.digest('user', user).hex()[:8]}"
        address = "@".join([*([who] if user else []), *([self.host(host)] if host else [])])
        shown = f"{scheme}:{address}{''.join(_TRANSPORT.findall(rest))}"
        return (f'"{REDACTED}" ' if name.strip() else "") + (f"<{shown}>" if bracket else shown)

    def _kept(self, text: str) -> str:
        return text if self._redact(text) == text else REDACTED
