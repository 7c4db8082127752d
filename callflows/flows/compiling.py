"""What compiling a flow may cost. A caller may wait for it, once after each edit, and nothing can interrupt it: so what
would take too long is refused when the flow is loaded to be checked, and never published.

Measured on one core of a server of 2024: 25 us for each word or sign in a tag, and half a microsecond for each
character of the Python that Jinja makes of them (which grows faster than a template: each include hands on all names).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from ..models import Problem

MAX_WORDS = 5_000  # words and signs in the tags of one template
MAX_CODE = 500_000  # characters of Python made of one template: Python compiles that in one go, and nobody runs beside
MAX_BRACKETS = 30  # in each other
MAX_DEPTH = 100  # of blocks and expressions in each other: a tenth of what Python's stack has room for
MAX_SECONDS = 1.0  # for all templates of a flow, as measured above
_OPENING, _CLOSING = ("lparen", "lbracket", "lbrace"), ("rparen", "rbracket", "rbrace")
_SPLIT = "put what several steps say into a macro, and what differs between them into params or a table"
_NAME = "give a part of it a name with {% set name = ... %}, or put it into a macro"


class TooMuch(TemplateSyntaxError):
    """A template that would take too long to compile."""

    def __init__(self, message: str, hint: str, line: int, name: str | None) -> None:
        super().__init__(message, line, name)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one template. `code`: characters."""

    words: int = 0
    code: int = 0

    @property
    def seconds(self) -> float:
        return 0.001 + 25e-6 * self.words + 0.5e-6 * self.code


class Counting(Extension):
    """Counts the words of each template that is read, and stops at the first one too many."""

    priority = 1  # before extensions that add words of theirs

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        words = brackets = 0
        for token in stream:
            words += 1
            brackets += (token.type in _OPENING) - (token.type in _CLOSING)
            if brackets > MAX_BRACKETS:
                raise TooMuch(f"more than {MAX_BRACKETS} brackets in each other", _NAME, token.lineno, stream.name)
            if words > MAX_WORDS:
                message = f"more than {MAX_WORDS} words and signs in its tags"
                raise TooMuch(message, _SPLIT, token.lineno, stream.name)
            yield token
        self.environment.words[stream.name or ""] = words  # type: ignore[attr-defined]


def refuse_deep(tree: nodes.Template, name: str | None) -> None:
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
    if level:
        raise TooMuch(f"nested more than {MAX_DEPTH} deep", _NAME, level[0].lineno, name)


def too_slow(costs: Mapping[str, Cost]) -> list[Problem]:
    """What is wrong with the templates of a flow, by what compiling each would cost."""
    problems = [
        Problem.error("template.size", f"becomes {cost.code} characters of code; at most {MAX_CODE}", name, 1, _SPLIT)
        for name, cost in costs.items()
        if cost.code > MAX_CODE
    ]
    total = sum(cost.seconds for cost in costs.values())
    if not problems and total > MAX_SECONDS:
        name = max(costs, key=lambda name: costs[name].seconds)
        message = f"the flow's {len(costs)} templates take about {total:.1f} s to compile, this one most of all"
        problems.append(Problem.error("flow.size", f"{message}; at most {MAX_SECONDS:g}", name, 1, _SPLIT))
    return problems
