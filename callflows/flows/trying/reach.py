"""The facts of a template together with those of all it includes, extends and imports, other names resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .facts import Compared, Constant, Facts, Operand, Ref
from .table_facts import TABLES

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

    def uses_any(self, path: str) -> bool:
        """Whether the path, something in it, or all that it stands in is referred to."""
        roots = path.split(".")
        return any(".".join(roots[:size]) in self.uses for size in range(1, len(roots) + 1)) or any(
            used.startswith(f"{path}.") for used in self.uses
        )

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


def reach(facts: Mapping[str, Facts], template: str) -> Reach:
    every = [facts[name] for name in templates_of(facts, template)]
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
    return Reach(frozenset(uses), {path: tuple(found) for path, found in compared.items()})


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
