"""What a template refers to and compares with, read from its syntax tree when it is compiled.

`dial.status == "busy"` gives a path and a constant. `{% set round = state.round | default(1) %}` makes `round` another
name for that path, and a macro's arguments are other names for what its callers pass: both are followed where
templates are brought together (reach.py). Where in doubt more is found than there is, never less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from ..compiling import Cost
from .operands import KEYS, LENGTH, Constant, Operand, Ref, changed, characters, members, operands, path_of

_ORDER = frozenset("lt gt lteq gteq le ge greaterthan lessthan divisibleby".split())
_EQUAL = frozenset("eq ne equalto".split())


@dataclass(frozen=True, slots=True)
class Compared:
    """`how`: equal, member, lookup (a whole value); part, start (some of it); order, length (numbers).

    `plain`: nothing was done to the value before, so that its type and spelling are the context's own.
    """

    path: str
    value: Constant | Ref
    line: int
    how: str = "equal"
    plain: bool = True


@dataclass(slots=True)
class Facts:
    """`uses` has every name and path, those of the template's own variables too; `lines`, where each path stands first.
    `called`: functions, methods and macros. `written`: see Flow.written. `parts`: the same facts for each macro by
    itself, and for the rest under the empty name; none where there are no macros. `cost`: of compiling it."""

    references: set[str] = field(default_factory=set)
    dynamic: bool = False
    uses: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)
    aliases: dict[str, list[Operand]] = field(default_factory=dict)
    macros: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, int | str, list[Operand]]] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    parts: dict[str, Facts] = field(default_factory=dict)
    cost: Cost = Cost()  # noqa: RUF009 - frozen

    @property
    def uses_tables(self) -> bool:
        return any(path.partition(".")[0] == "table" for path in self.uses)


def facts_of(tree: nodes.Template) -> Facts:
    facts = _facts_of([tree])
    macros = [node for node in tree.body if isinstance(node, nodes.Macro)]
    if macros:
        facts.parts = {"": _facts_of([node for node in tree.body if not isinstance(node, nodes.Macro)])}
        facts.parts |= {macro.name: _facts_of([macro]) for macro in macros}
    return facts


def _facts_of(trees: Sequence[nodes.Node]) -> Facts:
    """Walks with a stack of its own: how deep a template nests is its author's affair."""
    facts = Facts()
    stack: list[tuple[nodes.Node, bool]] = [(tree, False) for tree in reversed(trees)]
    while stack:
        node, asked = stack.pop()
        _note(node, facts)
        match node:
            case nodes.TemplateData():
                facts.written.append(node.data)
            case nodes.Const() if isinstance(node.value, str) and not asked:
                facts.written.append(node.value)
        # A number in a comparison is one the author asks about, not one to dial.
        asked = asked or isinstance(node, nodes.Compare | nodes.Test)
        stack += [(child, asked) for child in _children(node)]
    return facts


def _children(node: nodes.Node) -> Iterator[nodes.Node]:
    """Those to look at for themselves: `state` in `state.round` is no use of all there is in `state`."""
    match node:
        case nodes.Getattr() if path_of(node):
            return
        case nodes.Getitem() if path_of(node):
            yield node.arg
        case nodes.Call(node=nodes.Getattr() as method):
            if not path_of(node):
                yield method.node
            yield from (child for child in node.iter_child_nodes() if child is not method)
        case _:
            yield from node.iter_child_nodes()


def _note(node: nodes.Node, facts: Facts) -> None:
    match node:
        case nodes.Include() | nodes.Import() | nodes.FromImport() | nodes.Extends():
            _reference(node.template, facts)
            if isinstance(node, nodes.Import):  # `tables.menu` is `menu`
                facts.aliases.setdefault(node.target, []).append(Operand(Ref(""), node.lineno, plain=False))
            elif isinstance(node, nodes.FromImport):  # its own name, where it goes by another one here
                facts.called.update(name[0] for name in node.names if isinstance(name, tuple))
        case nodes.Name(ctx="load"):
            facts.uses.add(node.name)
        case nodes.Getattr() | nodes.Getitem():
            if path := path_of(node):
                facts.uses.add(path)
                facts.lines[path] = min(node.lineno, facts.lines.get(path, node.lineno))
            if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Slice):
                _lookup(node.node, node.arg, facts)
        case nodes.AssignBlock(target=nodes.Name(name=name)):
            facts.aliases.setdefault(name, []).extend([Operand("", node.lineno)])
        case nodes.Assign():
            _alias(node.target, node.node, facts)
        case nodes.With():
            for target, value in zip(node.targets, node.values, strict=True):
                _alias(target, value, facts)
        case nodes.For():
            _alias(node.target, node.iter, facts)
        case nodes.Macro():
            facts.macros[node.name] = [argument.name for argument in node.args]
            for argument, default in zip(reversed(node.args), reversed(node.defaults), strict=False):
                facts.aliases.setdefault(argument.name, []).extend(changed(default, 0, ""))
        case nodes.Call():
            _call(node, facts)
        case nodes.Filter(name="min" | "max") if isinstance(node.node, nodes.List | nodes.Tuple):
            everything = list(operands(node.node))
            for one in everything:
                for other in everything:
                    if one is not other:
                        _pair(one, other, "order", facts)
        case nodes.Filter(
            name="selectattr" | "rejectattr", args=[nodes.Const(value=str() as name), nodes.Const(), asked]
        ) if path := path_of(node.node):  # type: ignore[arg-type]
            for wanted in operands(asked):
                _pair(Operand(Ref(f"{path}.{name}"), node.lineno), wanted, "equal", facts)
        case nodes.Compare():
            left = node.expr
            for operand in node.ops:
                _compare(left, operand.op, operand.expr, facts)
                left = operand.expr
        case nodes.Test() if node.args and isinstance(node.node, nodes.Expr):
            how = "eq" if node.name in _EQUAL else "in" if node.name == "in" else "lt" if node.name in _ORDER else ""
            if how:
                _compare(node.node, how, node.args[0], facts)


def _reference(template: Any, facts: Facts) -> None:
    found = list(operands(template))
    names = [each.value for each in found if isinstance(each.value, str)]
    facts.references.update(names)
    facts.dynamic = facts.dynamic or len(names) < len(found) or not found


def _lookup(table: nodes.Expr, key: nodes.Expr, facts: Facts) -> None:
    for operand in operands(key):
        if isinstance(operand.value, Ref):
            path = path_of(table)
            entries = [Operand(Ref(f"{path}.{KEYS}"), key.lineno)] if path else members(table)
            for entry in () if isinstance(table, nodes.List | nodes.Tuple) else entries:
                _pair(operand, entry, "lookup", facts)


def _call(node: nodes.Call, facts: Facts) -> None:
    name = ""
    match node.node:
        case nodes.Getattr(attr="get") as method if node.args:
            _lookup(method.node, node.args[0], facts)
        case nodes.Getattr(attr="startswith" | "endswith") as method if node.args:
            for part in members(node.args[0]):
                for operand in operands(method.node):
                    _pair(operand, part, "start" if method.attr == "startswith" else "part", facts)
        case nodes.Getattr():
            name = node.node.attr
        case nodes.Name():
            name = node.node.name
    if path := path_of(node):
        facts.uses.add(path)
    if name:
        facts.called.add(name)
        facts.calls += [(name, index, _passed(value, facts)) for index, value in enumerate(node.args)]
        facts.calls += [(name, each.key, _passed(each.value, facts)) for each in node.kwargs]


def _passed(value: nodes.Expr, facts: Facts) -> list[Operand]:
    """A table that is written where it is passed on gets a name that no template can have."""
    if not isinstance(value, nodes.Dict | nodes.List | nodes.Tuple):
        return list(operands(value))
    name = f"#{id(facts)}-{len(facts.aliases)}"
    _alias(nodes.Name(name, "store"), value, facts)
    return [Operand(Ref(name), value.lineno, plain=False)]


def _alias(target: nodes.Node, value: nodes.Node, facts: Facts) -> None:
    match target, value:
        case (nodes.Tuple() as names, nodes.Tuple() as values) if len(names.items) == len(values.items):
            for name, each in zip(names.items, values.items, strict=True):
                _alias(name, each, facts)
            return
        case nodes.Tuple() as names, _:  # `for key, dept in menu.items()`
            for number, name in enumerate(names.items):
                if isinstance(name, nodes.Name):
                    facts.aliases.setdefault(name.name, []).extend(_column(value, number) if number else ())
            if names.items:
                _alias(names.items[0], value, facts)
            return
        case nodes.Name() as name, nodes.Call(node=nodes.Name(name="namespace"), kwargs=kwargs):
            for keyword in kwargs:
                facts.aliases.setdefault(f"{name.name}.{keyword.key}", []).extend(operands(keyword.value))
            return
        case nodes.Name() as name, _:
            key = name.name
        case nodes.NSRef() as place, _:
            key = f"{place.name}.{place.attr}"
        case _:
            return
    facts.aliases.setdefault(key, []).extend(members(value))
    for below, found in _inside(value):
        facts.aliases.setdefault(f"{key}.{below}", []).extend(found)


def _column(rows: nodes.Node, number: int) -> Iterator[Operand]:
    """What stands in one column of a table that is looped over."""
    match rows:
        case nodes.Call(node=nodes.Getattr(attr="items") as method):
            yield from _column(method.node, number)
        case nodes.List() | nodes.Tuple():
            for row in rows.items:
                if isinstance(row, nodes.List | nodes.Tuple) and number < len(row.items):
                    yield from operands(row.items[number])
        case nodes.Name() | nodes.Call():
            if path := path_of(rows):
                yield Operand(Ref(f"{path}.#{number}"), rows.lineno, plain=False)


def _inside(value: nodes.Node) -> Iterator[tuple[str, Iterator[Operand]]]:
    """What can be told apart in a table: its length, the columns of its rows, what its entries have below a name."""
    entries: list[tuple[str, nodes.Node]] = []
    match value:
        case nodes.List() | nodes.Tuple():
            entries = [("", item) for item in value.items]
        case nodes.Dict():
            entries = [("#1", pair.value) for pair in value.items]
            yield KEYS, members(value)
            yield f"#1.{LENGTH}", iter([Operand(len(entries), value.lineno)])  # of its values
        case _:
            return
    yield LENGTH, iter([Operand(len(entries), value.lineno)])
    for place, entry in entries:
        if isinstance(entry, nodes.List | nodes.Tuple):
            yield from ((f"#{number}", operands(each)) for number, each in enumerate(entry.items))
        elif isinstance(entry, nodes.Dict):
            for pair in entry.items:
                if isinstance(pair.key, nodes.Const):
                    yield f"{place}.{pair.key.value}".lstrip("."), operands(pair.value)
        elif place:
            yield place, operands(entry)


def _compare(left: nodes.Expr, op: str, right: nodes.Expr, facts: Facts) -> None:
    if op in ("in", "notin"):
        for one in operands(left):
            if isinstance(one.value, Ref):
                for other in characters(right) or members(right):
                    _pair(one, other, "member", facts)
                continue
            for other in operands(right):
                if isinstance(other.value, Ref) and isinstance(one.value, str):
                    facts.uses.add(f"{other.value.path}.{one.value}")  # `"tries" in state`
                    _pair(one, other, "part", facts)
        return
    how = "equal" if op in ("eq", "ne") else "order"
    for one in operands(left):
        for other in operands(right):
            _pair(one, other, how, facts)


def _pair(one: Operand, other: Operand, how: str, facts: Facts) -> None:
    for mine, its in ((one, other), (other, one)):
        if isinstance(mine.value, Ref):
            manner = mine.how if mine.how != "equal" and how in ("equal", "member", "order") else how
            plain = mine.plain and its.plain
            value = its.value
            if its.how == "length" and isinstance(value, Ref):
                value = Ref(f"{value.path}.{LENGTH}")
            facts.compared.append(Compared(mine.value.path, value, its.line, manner, plain))
