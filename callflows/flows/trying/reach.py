"""The facts of a template together with those of all it includes, extends and imports, other names resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .facts import Compared, Constant, Facts, Operand, Ref

if TYPE_CHECKING:
    from ..sandbox import FlowEnvironment

MAX_COMPARED = 2000  # more than these of a path and a value are not looked at


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
    return list(found)


def _called(facts: Mapping[str, Facts], template: str) -> list[Facts]:
    """What may run: of every template all that stands outside of macros, and the macros whose name is in use. A name is
    not held to the file it comes from: an included file may call what its includer has imported.
    """
    files = [facts[name] for name in templates_of(facts, template)]
    left = [dict(each.parts) or {"": each} for each in files]
    modules = {name for each in files for name in each.modules}
    found: list[Facts] = []
    names = {""}
    while more := [parts.pop(name) for parts in left for name in names.intersection(parts)]:
        found += more
        names = {name for each in more for path in each.uses for name in path.split(".")}
        names |= {home for each in files for name, home in each.renamed if name in names}
        if names & modules:
            names.update(*left)
    return found


def reach(facts: Mapping[str, Facts], template: str) -> Reach:
    every = _called(facts, template)
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
