"""Rules: what a document means and the XSD cannot say. A list, a module for each subject; each rule is a few lines.

A rule is a function of one element that yields a message for each fault (or a `Finding`, when the fault belongs to
another element). It is tied to the tags it looks at, so that a document costs only the rules its elements have. What
one platform alone does stands in that platform's dialect. `fatal` rules block a live call; the rest is served and
reported. An id that starts with `grammar.` completes the XSD, and blocks as the grammar does.

An error is what surely goes wrong on a call, a warning what may. Each rule shows a line that has the fault and one
that has not; tests hold it to both, and docs/rules.md is made of them.
"""

from __future__ import annotations

from . import conference, dial, effect, input, order, recording, sound, speech, stream
from .registry import INPUT, RULES, SOUND, Context, Found, Rule, by_tag, examine, following, header_faults, rule

__all__ = [
    "INPUT",
    "RULES",
    "SOUND",
    "Context",
    "Found",
    "Rule",
    "by_tag",
    "conference",
    "dial",
    "effect",
    "examine",
    "following",
    "header_faults",
    "input",
    "order",
    "recording",
    "rule",
    "sound",
    "speech",
    "stream",
]
