"""Documents: what the platforms are given, judged. Schemas, reading, grammar, rules, dial policy, dialects and the
safe document: all that `callflows validate FILE` needs, and nothing of flows, platforms' APIs or the store.
"""

from __future__ import annotations

from .dialects import DIALECTS
from .findings import TEXT
from .judging import Verdict, judge, judge_bytes, warm
from .outline import Verb, outline
from .policy import DialPolicy, Written, collect_written, dialled_numbers, number_fault
from .reading import DECLARATION, MAX_BYTES
from .reporting import may_report
from .rules import Rule
from .safe import EMPTY, LANGUAGES, check_safe, safe_document, silent_document
from .secrets import without_secrets

__all__ = [
    "DECLARATION",
    "DIALECTS",
    "EMPTY",
    "LANGUAGES",
    "MAX_BYTES",
    "TEXT",
    "DialPolicy",
    "Rule",
    "Verb",
    "Verdict",
    "Written",
    "check_safe",
    "collect_written",
    "dialled_numbers",
    "judge",
    "judge_bytes",
    "may_report",
    "number_fault",
    "outline",
    "safe_document",
    "silent_document",
    "warm",
    "without_secrets",
]
