"""What an expression of a template may stand for: paths of the context with what was done to them, and constants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

_DEPTH = 20  # how far into an expression we look
_PARTS = frozenset("first last truncate".split())
_OF_DATES = frozenset("weekday isoweekday date time strftime isoformat timestamp".split())

Constant = str | int | float | bool
# `numbers.#length`: how many there are; `menu.#keys`: what may be looked up; `rows.#1`: what stands second in each.
LENGTH, KEYS = "#length", "#keys"


@dataclass(frozen=True, slots=True)
class Ref:
    """Another path: what is compared with is known where templates are brought together."""

    path: str


@dataclass(frozen=True, slots=True)
class Operand:
    """One thing an expression may stand for: a path with what was done to it, or a constant."""

    value: Constant | Ref
    line: int
    how: str = "equal"
    plain: bool = True


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
            case nodes.Call(node=nodes.Name(name="table"), args=[nodes.Const(value=str() as key)]):
                parts += [key, "table"]
                break
            case nodes.Name():
                parts.append(node.name)
                break
            case _:
                return ""
    return ".".join(reversed(parts[-4:]))


def characters(node: nodes.Expr) -> list[Operand]:
    """`in "123"`: each of them, and the text itself."""
    match node:
        case nodes.Const(value=str() as text) if len(text) <= 40:
            parts = dict.fromkeys((*text, text))
            return [Operand(part, node.lineno, plain=False) for part in parts]
    return []


def members(node: nodes.Node, depth: int = 0) -> Iterator[Operand]:
    """What something may be one of: elements, or a dictionary's keys."""
    match node:
        case nodes.List() | nodes.Tuple():
            for item in node.items:
                yield from operands(item, depth + 1)
        case nodes.Dict():
            for pair in node.items:
                yield from operands(pair.key, depth + 1)
        case nodes.Call(node=nodes.Getattr(attr="items" | "keys") as method):
            yield from members(method.node, depth + 1)
        case _:
            yield from operands(node, depth)


def operands(node: Any, depth: int = 0) -> Iterator[Operand]:
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
                yield from changed(node.node, depth, "start")
        case nodes.Call(node=nodes.Name(name="table")) if path := path_of(node):
            yield Operand(Ref(path), node.lineno, plain=False)
        case nodes.Call(node=nodes.Getattr(attr="values") as method) if path := path_of(method.node):
            yield Operand(Ref(f"{path}.#1"), node.lineno, plain=False)  # rows, and no keys
        case nodes.Call(node=nodes.Getattr(attr=attr) as method):
            if path := path_of(node):
                yield Operand(Ref(path), node.lineno, plain=attr in _OF_DATES)
            else:
                yield from changed(method.node, depth, "")
        case nodes.Filter(name="length" | "count"):
            yield from changed(node.node, depth, "length")
        case nodes.Filter(name="default" | "d") if len(node.args) < 2 and not node.kwargs:
            yield from operands(node.node, depth + 1)  # what it gives when absent is nothing that is compared with
        case nodes.Filter():
            yield from changed(node.node, depth, "start" if node.name in _PARTS else "")
        case nodes.CondExpr():
            for branch in (node.expr1, node.expr2):
                yield from changed(branch, depth, "")
        case nodes.BinExpr() | nodes.UnaryExpr() | nodes.Concat() | nodes.List() | nodes.Tuple():
            for child in node.iter_child_nodes():
                yield from changed(child, depth, "")


def changed(node: Any, depth: int, how: str) -> Iterator[Operand]:
    for operand in operands(node, depth + 1):
        yield Operand(operand.value, operand.line, how or operand.how, False)
