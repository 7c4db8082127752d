"""Judging signature headers, whatever a platform puts under its MAC (HMAC-SHA256, base64, keyed with an auth token)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..models import Signature

# A header may list one signature per active auth token. More than this is nobody's rotation, only our time.
MAX_VALUES = 8


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signature header, and every message it may be the MAC of. Without a message it cannot be right."""

    signatures: str
    messages: tuple[bytes, ...]


def judge(evidence: Sequence[Evidence], keys: Iterable[bytes]) -> Signature:
    """VALID if any header matches any of its messages under any key; ABSENT without headers.

    Everything is computed and compared, matched or not, so that the time taken says nothing of the keys.
    """
    if not evidence:
        return Signature.ABSENT
    keys = tuple(keys)
    valid = False
    for item in evidence:
        expected = [mac(key, message) for key in keys for message in item.messages]
        for given in listed(item.signatures):
            for one in expected:
                valid |= hmac.compare_digest(given, one)
    return Signature.VALID if valid else Signature.WRONG


def mac(key: bytes, message: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, message, "sha256"))


def listed(header: str) -> list[bytes]:
    """The first `MAX_VALUES` of a comma-separated header, as bytes: compare_digest refuses non-ASCII text."""
    parts = header.split(",", MAX_VALUES)[:MAX_VALUES]
    return [octets(part) for part in map(str.strip, parts) if part]


def present(headers: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """The values of those headers which are there and not blank. Names are lower case."""
    return [value for value in (headers.get(name, "").strip() for name in names) if value]


def octets(text: str) -> bytes:
    """The bytes `text` was decoded from: surrogate escapes become the bytes they stand for. Never raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that escapes no byte
        return text.encode("utf-8", "surrogatepass")


def replaced(text: str) -> str:
    """`text` as a framework shows it that decodes with U+FFFD in the place of undecodable bytes."""
    return octets(text).decode("utf-8", "replace")
