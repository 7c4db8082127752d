"""callflows rules: every rule documents are held against, with a line that breaks it and one that does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from .. import exploring
from ..documents import DIALECTS, judge_bytes
from ..documents.rules import RULES, Rule
from ..documents.schema import model
from ..suggest import did_you_mean
from .common import command, json_option, print_json

# For every platform, in the author's vocabulary. Another list is another line.
SHARED: tuple[Iterable[Rule], ...] = (RULES, exploring.RULES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule and the platforms it is about. `native`: its lines are in the vocabulary of that one platform."""

    rule: Rule
    platforms: tuple[str, ...]
    native: bool = False

    def codes(self, line: str, platform: str) -> list[tuple[str, str, str]]:
        """Severity, code and message of what is wrong with a line."""
        text = line if line.startswith("<Response") else f"<Response>{line}</Response>"
        verdict = judge_bytes(text.encode(), platform, kind=self.rule.kind, native=self.native)
        return [(str(problem.severity), problem.code, problem.message) for problem in verdict.problems]

    @property
    def what(self) -> str:
        if self.rule.what or not self.rule.on:
            return self.rule.what
        found = self.codes(self.rule.bad, self.platforms[0])
        own = [message for _, code, message in found if code == self.rule.id]
        # A rule may tell faults in the grammar's words, and under its codes.
        return next(iter(own or [message for _, _, message in found]), "")

    def as_object(self) -> dict[str, Any]:
        rule = self.rule
        return {
            "id": rule.id,
            "severity": str(rule.severity),
            "fatal": rule.fatal,
            "platforms": list(self.platforms),
            "what": self.what,
            "hint": rule.hint,
            "source": rule.source,
            "good": rule.good,
            "bad": rule.bad,
        }


def entries() -> list[Entry]:
    """All rules there are, by id."""
    found = [
        Entry(rule, tuple(name for name in DIALECTS if rule.applies(model(name)))) for some in SHARED for rule in some
    ]
    found += [Entry(rule, (name,), native=True) for name, dialect in DIALECTS.items() for rule in dialect.rules]
    return sorted(found, key=lambda entry: (entry.rule.id, entry.platforms))


@command()
@click.argument("rule_id", metavar="[ID]", default="")
@json_option
@click.option("--markdown", is_flag=True, help="Print docs/rules.md.")
def rules(rule_id: str, as_json: bool, markdown: bool) -> None:
    """The rules documents are held against; with an ID, all about one.

    Example: callflows rules rule.hangup-last
    """
    found = entries()
    if rule_id:
        ids = sorted({entry.rule.id for entry in found})
        found = [entry for entry in found if entry.rule.id == rule_id]
        if not found:
            hint = did_you_mean(rule_id, ids, "callflows rules lists them")
            raise click.BadParameter(f"there is no rule {rule_id!r}: {hint}", param_hint="ID")
    if as_json:
        print_json([entry.as_object() for entry in found])
    elif markdown:
        click.echo("\n".join(_page(found)))
    else:
        for entry in found:
            rule = entry.rule
            click.echo(f"{rule.id}  {rule.severity}  {', '.join(entry.platforms)}\n  {entry.what}\n  -> {rule.hint}")
            if rule_id:
                click.echo(f"  source: {rule.source}\n  bad:  {rule.bad}\n  good: {rule.good}")


_HEAD = """\
# Rules

What the XML of a call flow means, and a grammar cannot say. An *error* surely goes wrong on a call, and the flow is
refused at `callflows flows check` and before a transfer; a *warning* may. Only what is marked *blocks* keeps a document
from a live call; the rest is served, and reported.

Lines are what a `<Response>` contains, in the vocabulary of templates; where a rule is about Vobiz alone, in Vobiz's.
`callflows rules ID` prints one of them, `callflows rules --json` all. This page is `callflows rules --markdown`.

Five ids have no rule of their own: `rule.undocumented` (one source alone knows an attribute), `rule.no-equivalent`
and `rule.converted` (a platform has no word for it, or another range), `rule.link-altered` (an address of ours was
changed after `step_url()` made it; blocks), `rule.more` (there are more problems than told).
"""
_LONGEST = 240


def _page(found: list[Entry]) -> Iterator[str]:
    yield _HEAD
    yield "| id | severity | platforms | what |"
    yield "|---|---|---|---|"
    for entry in found:
        id = entry.rule.id
        what = entry.what.replace("|", "\\|").replace("<", "&lt;")
        yield f"| [{id}](#{_anchor(id)}) | {_severity(entry.rule)} | {', '.join(entry.platforms)} | {what} |"
    told = ""
    for entry in found:
        rule = entry.rule
        if rule.id != told:
            yield f"\n## {rule.id}"
        told = rule.id
        yield f"\n{_severity(rule).capitalize()}; {', '.join(entry.platforms)}. {_sentence(entry.what)}\n"
        yield f"- write instead: {rule.hint}"
        yield f"- source: {rule.source}"
        yield f"\n```xml\n<!-- bad -->\n{_short(rule.bad)}\n<!-- good -->\n{_short(rule.good)}\n```"


def _severity(rule: Rule) -> str:
    return f"{rule.severity}, blocks" if rule.fatal or rule.id.startswith("grammar.") else str(rule.severity)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _short(line: str) -> str:
    """A line whose fault is its length is not shown in full."""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 40]} ... {line[-30:]}"


def _anchor(id: str) -> str:
    return id.replace(".", "")


COMMANDS = (rules,)
