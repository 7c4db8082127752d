"""Logging set-up and redaction: no secret of ours or of the platform's ever reaches a log.

Redaction works on the finished text of a record, traceback included, so it does not matter which library wrote it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterable

HIDDEN = "[hidden]"
SENSITIVE_HEADERS = frozenset(
    # Vobiz sends its auth tokens in clear with signed callbacks (reference: vobiz.md section 4, seen Aug 2026)
    ("authorization", "proxy-authorization", "cookie", "x-auth-token", "auth-token", "parent-auth-token")
)

_TOKEN = re.compile(r"([?&]t=)[A-Za-z0-9_.~%-]+")
_HEADER = re.compile(
    r"(?i)\b(" + "|".join(sorted(SENSITIVE_HEADERS, key=len, reverse=True)) + r")(['\"]?\s*[:=,]\s*['\"]?)"
    r"(?:(?:basic|bearer)\s+)?[^\s'\",;)}\]]+"
)
_CREDENTIALS = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=_.-]{8,}")
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+@")
_NUMBER = re.compile(r"(?<![\w.:-])\+?[1-9]\d{6,14}(?![\w:-])")


class Redactor:
    """Takes secrets out of text. Phone numbers keep their last two digits when `mask_numbers` is set."""

    def __init__(self, secrets: Iterable[str] = (), *, mask_numbers: bool = False) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._mask_numbers = mask_numbers

    def __call__(self, text: str) -> str:
        if self._secrets:
            text = self._secrets.sub(HIDDEN, text)
        text = _TOKEN.sub(rf"\1{HIDDEN}", text)
        text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
        text = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
        if self._mask_numbers:
            text = _NUMBER.sub(lambda found: "*" * (len(found[0]) - 2) + found[0][-2:], text)
        return text


class RedactingFormatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record)).replace("\r", "\\r").replace("\n", "\n  ")


class StderrHandler(logging.Handler):
    """Writes to whatever stderr is now. When that fails it is silent: what logging says of its own errors would
    show the record's arguments as they are.
    """

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()


def configure(level: str, redact: Redactor) -> None:
    """Give the `callflows` logger one redacting handler on stderr; other loggers are left as they are."""
    logger = logging.getLogger("callflows")
    logger.setLevel(level)
    handler = StderrHandler()
    handler.setFormatter(RedactingFormatter(redact))
    logger.handlers[:] = [handler]
    logger.propagate = False
