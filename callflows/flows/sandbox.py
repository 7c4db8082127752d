"""The Jinja environment flow templates run in: sandboxed, escaping always, bounded in time and size.

Operators are trusted with the routing of calls, not with the server. What could run for ever or fill the memory
is counted: each turn of a loop, each call of a macro or function, each value that operators, filters, calls and
literals make, and all that is written. Filters and methods that can blow a short text up are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from datetime import date, time, timedelta
from types import BuiltinMethodType, CodeType
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from .bounds import (
    CALL_WEIGHT,
    ELEMENT_WEIGHT,
    MAX_BITS,
    TooLarge,
    bounded,
    counted,
    refuse_over,
    spend,
    ticking,
    weigh,
)
from .compiling import Cost, Counting, refuse_deep
from .filters import ALLOWED, MAPPING_METHODS, TESTS, refuse_search, scalar
from .texts import Text
from .trying.facts import Facts, facts_of
from .trying.reach import Reach

_STRING_METHODS = frozenset(
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit islower isnumeric "
    "isspace isupper lower lstrip partition removeprefix removesuffix rfind rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title upper".split()
)
_OTHER_METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (Mapping, MAPPING_METHODS),
    (list, frozenset(("count", "index"))),
    (tuple, frozenset(("count", "index", "grouper", "list"))),  # the last two are of groupby's groups
    (Set, frozenset()),
    (int, frozenset()),
    (float, frozenset(("is_integer",))),
    (
        (date, time, timedelta),
        frozenset(
            "astimezone ctime date day days fold hour isocalendar isoformat isoweekday microsecond microseconds minute "
            "month replace second seconds strftime time timestamp timetuple toordinal total_seconds tzname utcoffset "
            "weekday year".split()
        ),
    ),
    (type, frozenset()),  # dict.update(state, ...) would change what no method of state does
)
_COUNTED = (nodes.Filter, nodes.Call)


class _Bounder(NodeTransformer):
    """Puts the counting where Jinja offers no hook: loops, comparisons, `~`, literals, slices, blocks that are set."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_ticking", node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:
        self.generic_visit(node)
        return node if _is_cheap(node) else _filtered(node, "_counted", node.lineno)

    def visit_Include(self, node: nodes.Include) -> nodes.Include:
        """Without the context Jinja would keep what it gave, and repeat it without counting."""
        self.generic_visit(node)
        node.with_context = True
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated", node.lineno)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:
        self.generic_visit(node)
        node.filter = _filtered(node.filter, "_bounded", node.lineno)
        return node

    def visit_List(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Expr:
        self.generic_visit(node)
        if getattr(node, "ctx", "load") != "load":  # a target: `{% for a, b in ... %}`
            return node
        return _filtered(node, "_bounded", node.lineno)

    def visit_Import(self, node: nodes.Import | nodes.FromImport) -> nodes.Node:
        """Macros see the context wherever they come from: without, `step_url` would be unknown in them."""
        self.generic_visit(node)
        node.with_context = True
        return node

    visit_FromImport = visit_Import
    visit_Tuple = visit_Dict = visit_List

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_bounded", node.lineno) if isinstance(node.arg, nodes.Slice) else node


def _is_cheap(node: nodes.Compare) -> bool:
    """With what the template says itself (`== "busy"`), which is short; or beside something that counts anyway."""
    if len(node.ops) > 1:
        return False
    left, (operand,) = node.expr, node.ops
    within = operand.op in ("in", "notin")
    return isinstance(operand.expr, (nodes.Const, *_COUNTED)) or isinstance(
        left, _COUNTED if within else (nodes.Const, *_COUNTED)
    )


def _filtered(node: Any, name: str, lineno: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=lineno)


class BoundedCodeGenerator(CodeGenerator):
    """Everything but the template's own text is evaluated when rendering: there it is counted, and refused by
    `finalize` before it is escaped, which makes text of anything.
    """

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:
        super().visit_Template(_Bounder().visit(node), frame)

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier, frame: Any) -> None:
        self.fail("escaping cannot be changed in flows; remove the autoescape block", node.lineno)

    def visit_Filter(self, node: nodes.Filter, frame: Any) -> None:
        self._must_exist(node, "filter", self.environment.filters)
        super().visit_Filter(node, frame)

    def visit_Test(self, node: nodes.Test, frame: Any) -> None:
        self._must_exist(node, "test", self.environment.tests)
        super().visit_Test(node, frame)

    def _must_exist(self, node: nodes.Filter | nodes.Test, kind: str, known: Mapping[str, Any]) -> None:
        """Jinja lets an unknown one pass inside `if`, until a call takes that branch."""
        if node.name not in known:
            self.fail(f"there is no {kind} named {node.name!r}", node.lineno)

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return f"environment.written({super()._output_const_repr(group)})"


def finalize(value: Any) -> Any:
    """What `{{ }}` writes: true and false as XML wants them, no None, no lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    value = scalar(value)
    spend(weigh(value))
    return value


def _concatenated(values: Iterable[Any]) -> Any:
    return bounded(markup_join([finalize(value) for value in values]))


class _Namespace(Namespace):
    """Its repr does not show what is in it: namespaces may hold each other."""

    __repr__ = object.__repr__


Compiled = dict[tuple[str, str], tuple[CodeType, Facts]]  # by a template's name and text
MOST_COMPILED = 1000
_compiled: Compiled = {}  # what flows share, and versions of a flow, is compiled once in a process


class BoundedContext(Context):
    """Each template that is rendered, included or imported has one, with a copy of all names."""

    def __init__(
        self, environment: Any, parent: dict[str, Any], name: str | None, blocks: Any, globals: Any = None
    ) -> None:
        spend(CALL_WEIGHT + len(parent) * ELEMENT_WEIGHT)
        Context.__init__(self, environment, parent, name, blocks, globals)


class FlowEnvironment(ImmutableSandboxedEnvironment):
    """One per flow version. `sources` maps template names to their text; nothing else can be loaded."""

    code_generator_class = BoundedCodeGenerator
    context_class = BoundedContext
    intercepted_binops = frozenset(("+", "-", "*", "**", "/", "//", "%"))

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.compiled = _compiled
        self.facts: dict[str, Facts] = {}
        self.reaches: dict[str, Reach] = {}
        self.words: dict[str, int] = {}

        def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
            return (sources[name], name, lambda: True) if name in sources else None

        self.sources = sources
        super().__init__(
            loader=FunctionLoader(load),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=finalize,
            cache_size=-1,
            auto_reload=False,
            keep_trailing_newline=False,
            optimized=False,
            extensions=(Counting,),
        )
        self.filters = {
            **ALLOWED,
            "_ticking": ticking,
            "_bounded": bounded,
            "_counted": counted,
            "_concatenated": _concatenated,
        }
        self.tests = dict(TESTS)
        self.globals.pop("lipsum", None)
        self.globals["namespace"] = _Namespace

    def compile(self, source: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        known = (name or "", source)
        found = self.compiled.get(known)
        if found is None:
            code = super().compile(source, name, *args, **kwargs)
            found = code, self.facts[name or ""]
            if len(self.compiled) >= MOST_COMPILED:
                self.compiled.clear()
            self.compiled[known] = found
        code, self.facts[name or ""] = found
        return code

    def _generate(self, source: nodes.Template, name: str | None, *args: Any, **kwargs: Any) -> str:
        refuse_deep(source, name)
        facts = self.facts[name or ""] = facts_of(source)  # of the one parse, before code generation changes the tree
        code = super()._generate(source, name, *args, **kwargs)
        facts.cost = Cost(self.words.get(name or "", 0), len(code))
        return code

    @staticmethod
    def written(text: str) -> str:
        """The template's own text on its way out."""
        spend(len(text))
        return text

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if isinstance(obj, str):
            return attr in _STRING_METHODS or (attr == "language" and isinstance(obj, Text))
        return next((attr in methods for kind, methods in _OTHER_METHODS if isinstance(obj, kind)), True)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`params.copy` is the param, not the dictionary's method."""
        if isinstance(obj, Mapping) and attribute in obj and attribute not in MAPPING_METHODS:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        spend()  # filters come here for each element's attribute
        return super().getitem(obj, argument)

    def wrap_str_format(self, value: Any) -> None:
        if super().wrap_str_format(value) is not None:
            raise SecurityError("format is not available in flows; use ~ to join texts")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        spend(CALL_WEIGHT + weigh(args) + weigh(kwargs))
        if isinstance(__obj, BuiltinMethodType) and isinstance(__obj.__self__, str | date | time):
            refuse_search(__obj.__self__, (*args, *kwargs.values()))
        if isinstance(__obj, LoopContext):  # of a recursive loop: its body runs over these
            args = tuple(map(ticking, args))
        return bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(text, str | list | tuple) and isinstance(times, int):
                    refuse_over(len(text) * times)
        if operator == "%" and isinstance(left, str):
            raise SecurityError("text % values is not available in flows; use ~ to join texts")
        whole = isinstance(left, int) and isinstance(right, int)
        if operator == "**" and whole and left.bit_length() * right > MAX_BITS:
            raise TooLarge("a power of more than 77 digits")
        return bounded(super().call_binop(context, operator, left, right))
