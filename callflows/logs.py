"""Logging set-up and redaction: no secret of ours or of the platform's ever reaches a log.

Redaction works on the finished text of a record, traceback included, so it does not matter which library wrote it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"
SENSITIVE_HEADERS = frozenset(
    # Vobiz sends its auth tokens in clear with signed callbacks (reference: vobiz.md section 4, seen Aug 2026)
    ("authorization", "proxy-authorization", "cookie", "x-auth-token", "auth-token", "parent-auth-token")
)

_TOKEN = re.compile(r"((?:[?&;]|%3[fF]|%26)t(?:=|%3[dD]))[A-Za-z0-9_.~%-]+")
_NAMES = "|".join(name.replace("-", "[-_]") for name in sorted(SENSITIVE_HEADERS, key=len, reverse=True))
_QUOTED = (
    re.compile(  # {'Authorization': 'x'}, ("Authorization", "x"), {"authorization":"x"}, {\"authorization\": \"x\"}
        rf"""(?i)(?<![a-z0-9])({_NAMES})(\\*['"]\s*[:=,]\s*b?\\*['"])(?:\\.|[^'"\\])+"""
    )
)
_LINE = re.compile(r"(?i)(?<![a-z0-9])((?:proxy[-_])?authorization|cookie)([ \t]*[:=][ \t]*)[^\r\n]+")
_VALUE = re.compile(rf"(?i)(?<![a-z0-9])({_NAMES})([ \t]*[:=][ \t]*['\"]?)(?!\[hidden)[^\s'\",;&)}}\]]+")
_CREDENTIALS = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=_.-]{8,}")
_URL_PASSWORD = re.compile(r"(\b\w+://[^\s:/@]*:)[^\s/]+@")
# Not part of a UUID, a version, a decimal or a time
_NUMBER = re.compile(r"(?:(?<![\w.-])|(?<=%2[bB]))\+?[1-9]\d{6,14}(?![\w-]|[.:]\d)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Redactor:
    """Takes secrets out of text. Phone numbers keep their last two digits when `mask_numbers` is set."""

    def __init__(self, secrets: Iterable[str] = (), *, mask_numbers: bool = False) -> None:
        plain = {secret for secret in secrets if len(secret) >= 4}
        known = sorted(plain | {quote(secret, safe="") for secret in plain}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._mask_numbers = mask_numbers

    def __call__(self, text: str) -> str:
        if self._secrets:
            text = self._secrets.sub(HIDDEN, text)
        text = _TOKEN.sub(rf"\1{HIDDEN}", text)
        for header in (_QUOTED, _LINE, _VALUE):
            text = header.sub(rf"\1\2{HIDDEN}", text)
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
        """Only we begin a line: further lines of a message are indented, control characters are written out."""
        text = _CONTROL.sub(lambda found: repr(found[0])[1:-1], self._redact(super().format(record)))
        return text.replace("\n", "\n  ")


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
