"""What a template refers to and compares with, read from its syntax tree when it is compiled.

`dial.status == "busy"` gives a path and a constant. `{% set round = state.round | default(1) %}` makes `round` another
name for that path, and a macro's arguments are other names for what its callers pass: both are followed where
templates are brought together (reach.py). Where in doubt more is found than there is, never less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from ..compiling import Cost

_DEPTH = 20  # how far into an expression we look
_PARTS = frozenset("first last truncate".split())
_ORDER = frozenset("lt gt lteq gteq le ge greaterthan lessthan divisibleby".split())
_EQUAL = frozenset("eq ne equalto".split())
_OF_DATES = frozenset("weekday isoweekday date time strftime isoformat timestamp".split())

Constant = str | int | float | bool
# `numbers.#length`: how many there are; `menu.#keys`: what may be looked up; `rows.#1`: what stands second in each.
LENGTH, KEYS = "#length", "#keys"


@dataclass(frozen=True, slots=True)
class Ref:
    """Another path: what is compared with is known where templates are brought together."""

    path: str


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
    `written`: see Flow.written. `cost`: of compiling it."""

    references: set[str] = field(default_factory=set)
    dynamic: bool = False
    uses: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)
    aliases: dict[str, list[Operand]] = field(default_factory=dict)
    macros: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, int | str, list[Operand]]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    cost: Cost = Cost()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Operand:
    """One thing an expression may stand for: a path with what was done to it, or a constant."""

    value: Constant | Ref
    line: int
    how: str = "equal"
    plain: bool = True


def facts_of(tree: nodes.Template) -> Facts:
    """Walks with a stack of its own: how deep a template nests is its author's affair."""
    facts = Facts()
    stack: list[tuple[nodes.Node, bool]] = [(tree, False)]
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
                facts.aliases.setdefault(argument.name, []).extend(_changed(default, 0, ""))
        case nodes.Call():
            _call(node, facts)
        case nodes.Filter(name="min" | "max") if isinstance(node.node, nodes.List | nodes.Tuple):
            everything = list(_operands(node.node))
            for one in everything:
                for other in everything:
                    if one is not other:
                        _pair(one, other, "order", facts)
        case nodes.Filter(
            name="selectattr" | "rejectattr", args=[nodes.Const(value=str() as name), nodes.Const(), asked]
        ) if path := path_of(node.node):  # type: ignore[arg-type]
            for wanted in _operands(asked):
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


def path_of(node: nodes.Node) -> str:
    """`state.round` of `state.round`, `state["round"]` and `state.get("round")`; empty for anything else."""
    parts: list[str] = []
    while True:
        match node:
            case nodes.Getattr():
                parts.append(node.attr)
                node = node.node
            case nodes.Getitem(arg=nodes.Const(value=str() as key)):
                parts.append(key)
                node = node.node
            case nodes.Call(node=nodes.Getattr(attr="get") as method, args=[nodes.Const(value=str() as key), *_]):
                parts.append(key)
                node = method.node
            case nodes.Call(node=nodes.Getattr(attr=name) as method) if name in _OF_DATES:
                node = method
            case nodes.Name():
                parts.append(node.name)
                break
            case _:
                return ""
    return ".".join(reversed(parts[-4:]))


def _reference(template: Any, facts: Facts) -> None:
    found = list(_operands(template))
    names = [each.value for each in found if isinstance(each.value, str)]
    facts.references.update(names)
    facts.dynamic = facts.dynamic or len(names) < len(found) or not found


def _lookup(table: nodes.Expr, key: nodes.Expr, facts: Facts) -> None:
    for operand in _operands(key):
        if isinstance(operand.value, Ref):
            path = path_of(table)
            entries = [Operand(Ref(f"{path}.{KEYS}"), key.lineno)] if path else _members(table)
            for entry in () if isinstance(table, nodes.List | nodes.Tuple) else entries:
                _pair(operand, entry, "lookup", facts)


def _call(node: nodes.Call, facts: Facts) -> None:
    name = ""
    match node.node:
        case nodes.Getattr(attr="get") as method if node.args:
            _lookup(method.node, node.args[0], facts)
        case nodes.Getattr(attr="startswith" | "endswith") as method if node.args:
            for part in _members(node.args[0]):
                for operand in _operands(method.node):
                    _pair(operand, part, "start" if method.attr == "startswith" else "part", facts)
        case nodes.Getattr():
            name = node.node.attr
        case nodes.Name():
            name = node.node.name
    if path := path_of(node):
        facts.uses.add(path)
    if name:
        facts.calls += [(name, index, _passed(value, facts)) for index, value in enumerate(node.args)]
        facts.calls += [(name, each.key, _passed(each.value, facts)) for each in node.kwargs]


def _passed(value: nodes.Expr, facts: Facts) -> list[Operand]:
    """A table that is written where it is passed on gets a name that no template can have."""
    if not isinstance(value, nodes.Dict | nodes.List | nodes.Tuple):
        return list(_operands(value))
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
                facts.aliases.setdefault(f"{name.name}.{keyword.key}", []).extend(_operands(keyword.value))
            return
        case nodes.Name() as name, _:
            key = name.name
        case nodes.NSRef() as place, _:
            key = f"{place.name}.{place.attr}"
        case _:
            return
    facts.aliases.setdefault(key, []).extend(_members(value))
    for below, operands in _inside(value):
        facts.aliases.setdefault(f"{key}.{below}", []).extend(operands)


def _column(rows: nodes.Node, number: int) -> Iterator[Operand]:
    """What stands in one column of a table that is looped over."""
    match rows:
        case nodes.Call(node=nodes.Getattr(attr="items") as method):
            yield from _column(method.node, number)
        case nodes.List() | nodes.Tuple():
            for row in rows.items:
                if isinstance(row, nodes.List | nodes.Tuple) and number < len(row.items):
                    yield from _operands(row.items[number])
        case nodes.Name():
            yield Operand(Ref(f"{rows.name}.#{number}"), rows.lineno, plain=False)


def _inside(value: nodes.Node) -> Iterator[tuple[str, Iterator[Operand]]]:
    """What can be told apart in a table: its length, the columns of its rows, what its entries have below a name."""
    entries: list[tuple[str, nodes.Node]] = []
    match value:
        case nodes.List() | nodes.Tuple():
            entries = [("", item) for item in value.items]
        case nodes.Dict():
            entries = [("#1", pair.value) for pair in value.items]
            yield KEYS, _members(value)
        case _:
            return
    yield LENGTH, iter([Operand(len(entries), value.lineno)])
    for place, entry in entries:
        if isinstance(entry, nodes.List | nodes.Tuple):
            yield from ((f"#{number}", _operands(each)) for number, each in enumerate(entry.items))
        elif isinstance(entry, nodes.Dict):
            for pair in entry.items:
                if isinstance(pair.key, nodes.Const):
                    yield f"{place}.{pair.key.value}".lstrip("."), _operands(pair.value)
        elif place:
            yield place, _operands(entry)


def _compare(left: nodes.Expr, op: str, right: nodes.Expr, facts: Facts) -> None:
    if op in ("in", "notin"):
        for one in _operands(left):
            if isinstance(one.value, Ref):
                for other in _characters(right) or _members(right):
                    _pair(one, other, "member", facts)
                continue
            for other in _operands(right):
                if isinstance(other.value, Ref) and isinstance(one.value, str):
                    facts.uses.add(f"{other.value.path}.{one.value}")  # `"tries" in state`
                    _pair(one, other, "part", facts)
        return
    how = "equal" if op in ("eq", "ne") else "order"
    for one in _operands(left):
        for other in _operands(right):
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


def _characters(node: nodes.Expr) -> list[Operand]:
    """`in "123"`: each of them, and the text itself."""
    match node:
        case nodes.Const(value=str() as text) if len(text) <= 40:
            parts = dict.fromkeys((*text, text))
            return [Operand(part, node.lineno, plain=False) for part in parts]
    return []


def _members(node: nodes.Node, depth: int = 0) -> Iterator[Operand]:
    """What something may be one of: elements, or a dictionary's keys."""
    match node:
        case nodes.List() | nodes.Tuple():
            for item in node.items:
                yield from _operands(item, depth + 1)
        case nodes.Dict():
            for pair in node.items:
                yield from _operands(pair.key, depth + 1)
        case nodes.Call(node=nodes.Getattr(attr="items" | "keys") as method):
            yield from _members(method.node, depth + 1)
        case _:
            yield from _operands(node, depth)


def _operands(node: Any, depth: int = 0) -> Iterator[Operand]:
    if depth > _DEPTH or not isinstance(node, nodes.Node):
        return
    match node:
        case nodes.Const(value=str() | int() | float() as value):
            yield Operand(value, node.lineno)
        case nodes.Neg(node=nodes.Const(value=int() | float() as value)):
            yield Operand(-value, node.lineno)
        case nodes.Name() | nodes.Getattr():
            if path := path_of(node):
                yield Operand(Ref(path), node.lineno)
        case nodes.Getitem():
            if path := path_of(node):
                yield Operand(Ref(path), node.lineno)
            else:  # some of it: `input.digits[0]`
                yield from _changed(node.node, depth, "start")
        case nodes.Call(node=nodes.Getattr(attr=attr) as method):
            if path := path_of(node):
                yield Operand(Ref(path), node.lineno, plain=attr in _OF_DATES)
            else:
                yield from _changed(method.node, depth, "")
        case nodes.Filter(name="length" | "count"):
            yield from _changed(node.node, depth, "length")
        case nodes.Filter(name="default" | "d") if len(node.args) < 2 and not node.kwargs:
            yield from _operands(node.node, depth + 1)  # what it gives when absent is nothing that is compared with
        case nodes.Filter():
            yield from _changed(node.node, depth, "start" if node.name in _PARTS else "")
        case nodes.CondExpr():
            for branch in (node.expr1, node.expr2):
                yield from _changed(branch, depth, "")
        case nodes.BinExpr() | nodes.UnaryExpr() | nodes.Concat() | nodes.List() | nodes.Tuple():
            for child in node.iter_child_nodes():
                yield from _changed(child, depth, "")


def _changed(node: Any, depth: int, how: str) -> Iterator[Operand]:
    for operand in _operands(node, depth + 1):
        yield Operand(operand.value, operand.line, how or operand.how, False)
