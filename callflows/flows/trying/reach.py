"""The facts of a template together with those of all it includes, extends and imports, other names resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .facts import Compared, Facts
from .operands import Constant, Operand, Ref
from .table_facts import TABLES

if TYPE_CHECKING:
    from ..sandbox import FlowEnvironment

MAX_COMPARED = 2000  # more than these of a path and a value are not looked at


# What stands behind a name: a text is in the call's language, which is looked up in turn.
_LOOKS_AT = (
    ("t", frozenset(("flow.language",))),
    ("flow", frozenset(("flow.language",))),
    ("flow.language", frozenset(("params.language", "state.language"))),
)


@dataclass(frozen=True, slots=True)
class Reach:
    """`compared` has plain paths of the context and constants, or a Ref to another such path."""

    uses: frozenset[str]
    compared: Mapping[str, tuple[Compared, ...]]
    holders: frozenset[str]  # what something that is used stands in

    def uses_any(self, path: str) -> bool:
        """Whether the path, something in it, or all that it stands in is referred to."""
        return path in self.uses or path in self.holders or any(above in self.uses for above in _above(path))

    def names(self, root: str) -> list[str]:
        """The names right below `root` that are referred to."""
        found = {used.split(".")[1] for used in self.uses if used.startswith(f"{root}.")}
        return sorted(found)

    def constants(self, path: str, *hows: str) -> list[Constant]:
        """What the path is compared with, in these ways or in all, in order and once."""
        found = (
            each.value
            for each in self.compared.get(path, ())
            if not isinstance(each.value, Ref) and (not hows or each.how in hows)
        )
        return list({(type(value), value): value for value in found}.values())


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition(".")[0]:
        yield path


def reach_of(environment: FlowEnvironment, template: str) -> Reach:
    """reach() of a flow that was loaded."""
    found = environment.reaches.get(template)
    if found is None:
        found = environment.reaches[template] = reach(environment.facts, template)
    return found


def templates_of(facts: Mapping[str, Facts], template: str) -> list[str]:
    """The template and all it may include, extend or import; those that could not be compiled are left out."""
    found: dict[str, None] = {}
    waiting = [template]
    while waiting:
        name = waiting.pop()
        if name in found or name not in facts:
            continue
        found[name] = None
        waiting += sorted(facts if facts[name].dynamic else facts[name].references)
        if facts[name].uses_tables:
            waiting.append(TABLES)
    return list(found)


def parts_of(facts: Mapping[str, Facts], template: str) -> dict[tuple[str, str], Facts]:
    """What of these files may run, by file and macro; what stands outside of macros is under the empty name. Macros
    that nothing names are left out: who imports one of many has not the needs of all."""
    files = templates_of(facts, template)
    if any(facts[file].dynamic for file in files):
        return {(file, part): it for file in files for part, it in _parts(facts[file]).items()}
    used = {(file, ""): _parts(facts[file])[""] for file in files}
    macros = {(file, name): it for file in files for name, it in facts[file].parts.items() if name}
    waiting = list(used.values())
    while waiting:
        part = waiting.pop()
        named = part.uses | part.called  # one may also be passed on, and called under another name
        found = {place: it for place, it in macros.items() if place[1] in named and place not in used}
        used |= found
        waiting += found.values()
    return used


def _parts(facts: Facts) -> Mapping[str, Facts]:
    return facts.parts or {"": facts}


def reach(facts: Mapping[str, Facts], template: str) -> Reach:
    every = parts_of(facts, template).values()
    aliases: dict[str, list[Operand]] = {}
    arguments: dict[str, list[str]] = {}
    for each in every:
        arguments |= each.macros
    for each in every:
        for name, operands in each.aliases.items():
            aliases.setdefault(name, []).extend(operands)
        for macro, argument, operands in each.calls:
            if macro in arguments:
                taken = arguments[macro]
                if isinstance(argument, int):
                    argument = taken[argument] if argument < len(taken) else ""
                aliases.setdefault(argument, []).extend(operands)
    uses: set[str] = set()
    compared: dict[str, dict[Compared, None]] = {}
    left = MAX_COMPARED
    for each in every:
        for path in each.uses:
            found_here = (operand.value for operand in _resolved(Operand(Ref(path), 0), aliases))
            uses.update(value.path for value in found_here if isinstance(value, Ref))
        for one in each.compared:
            for mine in _resolved(Operand(Ref(one.path), one.line, plain=one.plain), aliases):
                if not isinstance(mine.value, Ref):
                    continue
                how = mine.how if mine.how != "equal" and one.how in ("equal", "member", "order") else one.how
                for its in _resolved(Operand(one.value, one.line), aliases):
                    if left <= 0:
                        break
                    left -= 1
                    path = mine.value.path
                    plain = one.plain and mine.plain and its.plain
                    found = replace(one, path=path, value=its.value, how=how, plain=plain)
                    compared.setdefault(path, {})[found] = None
    for name, behind in _LOOKS_AT:
        if name in uses:
            uses |= behind
    holders = frozenset(above for path in uses for above in _above(path))
    return Reach(frozenset(uses), {path: tuple(found) for path, found in compared.items()}, holders)


def _resolved(operand: Operand, aliases: Mapping[str, list[Operand]], depth: int = 0) -> Iterator[Operand]:
    """The operand itself, and what its name is another name for. `ns.round` may be one as a whole."""
    yield operand
    if depth > 4 or not isinstance(operand.value, Ref):
        return
    path = operand.value.path
    root, dot, rest = path.partition(".")
    for name, below in ((path, ""), (root, f"{dot}{rest}")) if dot else ((path, ""),):
        for meant in aliases.get(name, ())[:50]:
            if isinstance(meant.value, Ref):
                meant = replace(meant, value=Ref((meant.value.path + below).lstrip(".")))
            elif below:  # a text has nothing below it
                continue
            if meant.value != operand.value:
                meant = replace(meant, plain=meant.plain and operand.plain)
                yield from _resolved(meant, aliases, depth + 1)
