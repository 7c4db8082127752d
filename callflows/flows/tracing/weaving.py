"""What the twin of a template (twin.py) is compiled with beyond the template: marks, branches, and guards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.visitor import NodeTransformer

from ..sandbox import BoundedCodeGenerator
from .marking import Branch, Conditional, Fork, Layout, Placed, Spot, Tag, conditionals, mark

if TYPE_CHECKING:
    from .tolerant import Twin


class Positions(Extension):
    """Gives every token of a template's own text its position, and puts an empty one before every `{{`."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        environment: Any = self.environment
        layout = environment.layout(stream.name)
        texts, outputs = iter(layout.texts), iter(layout.outputs)
        for token in stream:
            if token.type == "data":
                token = Token(token.lineno, "data", Placed(token.value, next(texts)))
            elif token.type == "variable_begin":
                yield Token(token.lineno, "data", Placed("", next(outputs)))
            yield token


def _hooked(node: Any, hook: str, *given: Any) -> nodes.Filter:
    arguments: list[nodes.Expr] = [nodes.Const(value, lineno=node.lineno) for value in given]
    return nodes.Filter(node, hook, arguments, [], None, None, lineno=node.lineno)


def _shape(target: nodes.Node) -> Any:
    """None, or of `a, (b, c)`: (None, (None, None))."""
    return tuple(map(_shape, target.items)) if isinstance(target, nodes.Tuple) else None


class _Weaver(NodeTransformer):
    """Puts a hook where a branch begins, and where Python would raise in the midst of a statement."""

    def __init__(self, twin: Twin, layout: Layout) -> None:
        self._twin = twin
        self._layout = layout
        self._ifs, self._loops, self._macros = iter(layout.ifs), iter(layout.loops), iter(layout.macros)
        self._macro = ""
        self._conditionals: dict[int, Conditional] = {}

    def visit_Template(self, node: nodes.Template) -> nodes.Template:
        self._conditionals = {
            id(found): entry for found, entry in zip(conditionals(node), self._layout.conditionals, strict=True)
        }
        self.generic_visit(node)
        return node

    def _branch(self, tag: Tag, kind: str, where: int | None = None) -> int:
        line, column = self._layout.at(tag.start if where is None else where)
        text = self._layout.shown(tag)
        return self._twin.branch(Branch(self._layout.name, line, text, kind, self._macro, column))

    def _body(self, body: Iterable[nodes.Node], tag: Tag, kind: str) -> list[nodes.Node]:
        line = self._layout.at(tag.start)[0]
        number = nodes.Const(self._branch(tag, kind), lineno=line)
        found: list[nodes.Node] = [nodes.ExprStmt(_hooked(number, "_reached"), lineno=line)]
        for child in body:
            changed = self.visit(child)
            found += changed if isinstance(changed, list) else [changed]
        return found

    def visit_If(self, node: nodes.If) -> nodes.If:
        fork = next(self._ifs)
        for part, tag in zip((node, *node.elif_), (fork.opening, *fork.elifs), strict=True):
            part.test = _hooked(self.visit(part.test), "_truth")
            part.body = self._body(part.body, tag, tag.word)
        node.else_ = self._else(node.else_, fork, "else")
        return node

    def _else(self, body: list[nodes.Node], fork: Fork, kind: str) -> list[nodes.Node]:
        return self._body(body, fork.last, kind) if fork.last else body

    def visit_For(self, node: nodes.For) -> nodes.For:
        fork = next(self._loops)
        node.iter = self.visit(node.iter)
        if isinstance(node.target, nodes.Tuple):
            node.iter = _hooked(node.iter, "_rows", _shape(node.target))
        if node.test:
            node.test = _hooked(self.visit(node.test), "_truth")
        node.body = self._body(node.body, fork.opening, "for")
        node.else_ = self._else(node.else_, fork, "empty")
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        outer, self._macro = self._macro, node.name
        node.defaults = [self.visit(default) for default in node.defaults]
        node.body = self._body(node.body, next(self._macros), "macro")
        self._macro = outer
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.CondExpr:
        self.generic_visit(node)
        tag, where, other = self._conditionals[id(node)]
        node.test = _hooked(node.test, "_truth")
        node.expr1 = _hooked(node.expr1, "_passing", self._branch(tag, "value", where))
        if node.expr2 is not None:
            node.expr2 = _hooked(node.expr2, "_passing", self._branch(tag, "other", other))
        return node

    def visit_And(self, node: nodes.And | nodes.Or) -> nodes.Expr:
        self.generic_visit(node)
        node.left = _hooked(node.left, "_truth")
        return node

    visit_Or = visit_And

    def visit_Not(self, node: nodes.Not) -> nodes.Expr:
        self.generic_visit(node)
        node.node = _hooked(node.node, "_truth")
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        written: list[nodes.Expr] = []
        spot: int | None = None
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                if len(child.data) == 0 and isinstance(child.data, Placed):  # of the `{{` that follows
                    spot = self._twin.spot(Spot(self._layout.name, *self._layout.at(child.data.position)))
                else:
                    written.append(child)
                continue
            if spot is None:  # {% print %}
                spot = self._twin.spot(Spot(self._layout.name, child.lineno, None))
            written.append(_hooked(self.visit(child), "_written", spot))
            spot = None
        node.nodes = written
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Include:
        self.generic_visit(node)
        if node.ignore_missing:
            node.template = _hooked(node.template, "_optional")
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Assign:
        self.generic_visit(node)
        if isinstance(node.target, nodes.Tuple):
            node.node = _hooked(node.node, "_row", _shape(node.target))
        return node


class WeavingCodeGenerator(BoundedCodeGenerator):
    environment: Twin
    _closing = ""

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:
        layout = self.environment.layout(self.name)
        super().visit_Template(_Weaver(self.environment, layout).visit(node), frame)
        self.writeline("Markup = environment.marked")  # text that is captured keeps its places beside it

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if not (isinstance(node, nodes.TemplateData) and isinstance(node.data, Placed)):
            return super()._output_child_to_const(node, frame, finalize)
        name = str(self.name)
        line, column = self.environment.layout(name).at(node.data.position)
        rows = node.data.split("\n")
        return "\n".join(
            mark(self.environment.spot(Spot(name, line + index, 1 if index else column, moving=True))) + row
            for index, row in enumerate(rows)
        )

    def return_buffer_contents(self, frame: Any, force_unescaped: bool = False) -> None:
        super().return_buffer_contents(frame, force_unescaped=True)  # the marks stay in until call() takes it

    def start_write(self, frame: Any, node: nodes.Node | None = None) -> None:
        super().start_write(frame, node)
        if isinstance(node, nodes.CallBlock | nodes.FilterBlock):
            spot = self.environment.spot(Spot(str(self.name), node.lineno, None))
            self.write(f"environment.given_out({spot}, ")
            self._closing = ")"

    def end_write(self, frame: Any) -> None:
        self.write(self._closing)
        self._closing = ""
        super().end_write(frame)

    # Operators that Jinja offers no hook for

    def visit_Compare(self, node: nodes.Compare, frame: Any) -> None:
        self._guard()
        super().visit_Compare(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Any) -> None:
        self._guard()
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Any) -> None:
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.sliced(")
        self.visit(node.node, frame)
        for part in (node.arg.start, node.arg.stop, node.arg.step):
            self.write(", ")
            if part is None:
                self.write("None")
            else:
                self.visit(part, frame)
        self.write(")")

    def visit_Call(self, node: nodes.Call, frame: Any, forward_caller: bool = False) -> None:
        spread = node.dyn_args is not None or node.dyn_kwargs is not None
        if spread:
            self._guard()
        super().visit_Call(node, frame, forward_caller=forward_caller)
        if spread:
            self.write(")")

    def _guard(self) -> None:
        self.write("environment.attempt(lambda: ")

    # Statements that raise by themselves

    def visit_Assign(self, node: nodes.Assign, frame: Any) -> None:
        self._try()
        super().visit_Assign(node, frame)
        self._except()

    def visit_Block(self, node: nodes.Block, frame: Any) -> None:
        self._try()
        super().visit_Block(node, frame)
        self._except()

    def _try(self) -> None:
        self.writeline("try:")
        self.indent()
        self.writeline("pass")

    def _except(self) -> None:
        self.outdent()
        self.writeline("except Exception as t_error:")
        self.indent()
        self.writeline("environment.failed(t_error)")
        self.outdent()
