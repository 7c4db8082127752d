"""What a rule is, the list of those for every platform, and the one pass over a document."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...models import Severity
from ..findings import ENOUGH, Finding, Node
from ..schema import Model

SOUND = ("Play", "Wait", "Speak")
INPUT = ("GetInput", "GetDigits", "Gather")


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may know beside the element. `length`: of the whole document, in characters."""

    kind: str
    model: Model
    length: int


Found = Iterator[str | Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`about` names the attribute a fault is in: elements without it are passed over, its line is told, and a fault
    the grammar found there goes first. `good` and `bad` are what a Response of kind `kind` may hold and may not.
    `of`: an attribute without which a platform cannot have the fault, where `about` does not say it.
    Rules about more than one document are listed with the same type: they have no `on`, another `find`, and say
    `what` is wrong; of the others, the message for `bad` says it."""

    id: str
    severity: Severity
    hint: str
    source: str
    good: str
    bad: str
    on: tuple[str, ...] = ()
    find: Callable[..., Any] | None = None
    fatal: bool = False
    about: str = ""
    of: str = ""
    kind: str = "call"
    what: str = ""

    def applies(self, model: Model) -> bool:
        """Whether a platform with these elements can have the fault at all."""
        known = [model.elements[tag].attributes for tag in self.on if tag in model.elements]
        needed = self.of or self.about
        return any(not needed or needed in attributes for attributes in known) or not self.on


RULES: list[Rule] = []


def rule(
    id: str,
    on: str,
    *,
    hint: str,
    source: str,
    good: str,
    bad: str,
    severity: Severity = Severity.ERROR,
    fatal: bool = False,
    about: str = "",
    of: str = "",
    kind: str = "call",
    into: list[Rule] = RULES,
) -> Callable[[Callable[[Node, Context], Found]], Callable[[Node, Context], Found]]:
    """Puts the function into a list of rules, by default the one for every platform."""

    def add(find: Callable[[Node, Context], Found]) -> Callable[[Node, Context], Found]:
        into.append(
            Rule(
                id=id,
                severity=severity,
                hint=hint,
                source=source,
                good=good,
                bad=bad,
                on=tuple(on.split()),
                find=find,
                fatal=fatal,
                about=about,
                of=of,
                kind=kind,
            )
        )
        return find

    return add


def by_tag(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    table: dict[str, tuple[Rule, ...]] = {}
    for one in rules:
        for tag in one.on:
            table[tag] = (*table.get(tag, ()), one)
    return table


def examine(root: Node, table: Mapping[str, tuple[Rule, ...]], context: Context) -> list[Finding]:
    """Every rule over every element, in one pass. With ENOUGH that block the document, the rest is not looked at."""
    found: list[Finding] = []
    blocking = 0
    doubtful, children = context.model.doubtful, context.model.doubtful_children
    for element in root.iter("*"):
        tag: str = element.tag  # type: ignore[assignment]  # "*" gives elements, and their tags are text
        for one in table.get(tag, ()):
            if one.find is None or (one.about and element.get(one.about) is None):
                continue
            for fault in one.find(element, context):
                if isinstance(fault, str):
                    fault = Finding(one.id, fault, element, one.about, one.hint, one.severity, one.fatal)
                found.append(fault)
                blocking += fault.fatal or fault.code.startswith("grammar.")
        if blocking >= ENOUGH:
            break
        if tag in doubtful and (present := doubtful[tag].keys() & element.keys()):
            shape = context.model.elements[tag].attributes
            for name in sorted(present):
                if element.get(name) != shape[name].default:  # SDKs write defaults out, and those change nothing
                    found.append(_undocumented(f"{tag} {name}", element, name, doubtful[tag][name]))
        for name, doubt in children[tag].items() if tag in children else ():
            found += [_undocumented(f"{name} in {tag}", child, "", doubt) for child in element.iterchildren(name)]
    return found


def _undocumented(what: str, element: Node, name: str, doubt: str) -> Finding:
    """Taken, because one source knows it, and said, because the others do not."""
    message = f"{what} is not documented by all sources"
    return Finding("rule.undocumented", message, element, name, hint=doubt, severity=Severity.WARNING)


def following(element: Node) -> Node | None:
    return next((node for node in element.itersiblings("*")), None)


_NEAR = 60  # more siblings than a document for a call has; that few, so that one of ten thousand is judged in time


def near(element: Node, tags: Collection[str], *, before: bool = False) -> Node | None:
    """The first sibling of one of these tags after the element, or before it."""
    siblings = islice(element.itersiblings("*", preceding=before), _NEAR)
    return next((node for node in siblings if node.tag in tags), None)


def is_true(element: Node, name: str, context: Context) -> bool:
    """Whether a yes-or-no attribute is on, by the platform's default where it is not written."""
    value = element.get(name)
    if value is None:
        shape = context.model.elements.get(str(element.tag))
        value = shape.attributes[name].default if shape is not None and name in shape.attributes else None
    return value == "true"


_WHOLE = re.compile("[0-9]{1,9}")


def number(element: Node, name: str, default: int) -> int | None:
    """None for what is none, and the grammar refuses."""
    value = element.get(name, str(default))
    return int(value) if _WHOLE.fullmatch(value) else None


def header_faults(text: str, *, names: re.Pattern[str], reserved: re.Pattern[str]) -> Iterator[str]:
    """Faults of a `sipHeaders` value, for the dialects: which names are good differs."""
    for pair in text.split(","):
        name, equals, value = pair.strip().partition("=")
        if not equals:
            yield f'"{pair.strip()[:40]}" in sipHeaders is not name=value'
        elif not names.fullmatch(name) or not re.fullmatch("[A-Za-z0-9]*", value):
            yield f'"{pair.strip()[:40]}" in sipHeaders has other characters than letters and digits'
        elif reserved.match(name):
            yield f"the platform drops the header {name}: its name is reserved"
