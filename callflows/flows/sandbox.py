"""The Jinja environment flow templates run in: sandboxed, escaping always, bounded in time and size.

Operators are trusted with the routing of calls, not with the server. What could run for ever or fill the memory
is counted: each turn of a loop, each call of a macro or function, and the length of what operators, filters and
calls return. Filters and string methods that can blow a short text up are not there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Undefined, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_VALUE = 100_000  # characters of a text, elements of a list: more than a document may hold anyway

_FILTERS = (
    "abs batch capitalize count d default dictsort e escape first float groupby int items join last length list "
    "lower map max min reject rejectattr replace reverse round select selectattr slice sort string sum title trim "
    "truncate unique upper urlencode wordcount"
).split()
_STRING_METHODS = frozenset(
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit islower isnumeric "
    "isspace isupper lower lstrip partition removeprefix removesuffix rfind rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title upper".split()
)
_OTHER_METHODS: tuple[tuple[type, frozenset[str]], ...] = (
    (Mapping, frozenset(("get", "items", "keys", "values"))),
    (list, frozenset(("count", "index"))),
    (tuple, frozenset(("count", "index"))),
    (int, frozenset()),
    (float, frozenset(("is_integer",))),
)


class OverBudget(Exception):
    """The template took too long."""


class TooLarge(Exception):
    """A value or the document grew too large."""


class Budget:
    """What is left of one rendering. `deadline` is on the monotonic clock, in seconds."""

    __slots__ = ("deadline",)

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self.deadline:
            raise OverBudget


BUDGET: ContextVar[Budget | None] = ContextVar("callflows_render_budget", default=None)


def _tick() -> None:
    budget = BUDGET.get()
    if budget is not None:
        budget.check()


def _ticking(values: Iterable[Any]) -> Iterable[Any]:
    """Checks the budget at each turn. Sized values stay sized, so that `loop.length` and `loop.last` work."""
    if isinstance(values, Undefined):
        return values
    return _TickingList(values) if isinstance(values, list | tuple | range) else _ticking_iterator(values)


def _ticking_iterator(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        _tick()
        yield value


class _TickingList:
    def __init__(self, values: list[Any] | tuple[Any, ...] | range) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return _ticking_iterator(self._values)


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | tuple | dict | bytes) and len(value) > MAX_VALUE:
        raise TooLarge(f"a value of {len(value)} characters or elements; at most {MAX_VALUE}")
    if isinstance(value, int) and value.bit_length() > 256:
        raise TooLarge("a number of more than 77 digits")
    return value


def _scalar(value: Any) -> Any:
    """Refuses what nobody wants to hear or see in XML, and what can hide exponential growth."""
    if isinstance(value, Undefined | str | int | float):
        return value
    if value is None:
        raise TypeError("None cannot be written into a document; use default(...)")
    if isinstance(value, date):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written into a document; write its parts")


def _concatenated(values: Iterable[Any]) -> Any:
    return _bounded(markup_join([_scalar(value) for value in values]))


def _bounded_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _tick()
        return _bounded(function(*args, **kwargs))

    # Jinja marks filters that want the environment or context with attributes
    bounded.__dict__.update(getattr(function, "__dict__", {}))
    return bounded


def _checked_join(function: Callable[..., Any]) -> Callable[..., Any]:
    def join(eval_ctx: Any, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> Any:
        values = list(value)
        if attribute is None:
            values = [_scalar(item) for item in values]
        return function(eval_ctx, values, d, attribute)

    join.__dict__.update(getattr(function, "__dict__", {}))
    return join


class _Bounder(NodeTransformer):
    """Puts the counting where Jinja offers no hook: loops, `~`, and blocks that are set or captured."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_ticking")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated")

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:
        self.generic_visit(node)
        node.filter = _filtered(node.filter, "_bounded")
        return node


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno if node else 1)


class _BoundedCodeGenerator(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:
        super().visit_Template(_Bounder().visit(node), frame)


def finalize(value: Any) -> Any:
    """What `{{ }}` writes: true and false as XML wants them, no None, no lists."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    return _scalar(value)


class FlowEnvironment(ImmutableSandboxedEnvironment):
    """One per flow version. `sources` maps template names to their text; nothing else can be loaded."""

    code_generator_class = _BoundedCodeGenerator
    intercepted_binops = frozenset(("+", "-", "*", "**", "/", "//", "%"))

    def __init__(self, sources: Mapping[str, str]) -> None:
        def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
            return (sources[name], name, lambda: True) if name in sources else None

        super().__init__(
            loader=FunctionLoader(load),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=finalize,
            cache_size=-1,
            auto_reload=False,
            keep_trailing_newline=False,
        )
        allowed = {name: _bounded_filter(FILTERS[name]) for name in _FILTERS}
        allowed["join"] = _bounded_filter(_checked_join(FILTERS["join"]))
        allowed["string"] = _bounded_filter(lambda value: FILTERS["string"](_scalar(value)))
        self.filters = {
            **allowed,
            "_ticking": _ticking,
            "_bounded": _bounded,
            "_concatenated": _concatenated,
        }
        self.globals.pop("lipsum", None)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if isinstance(obj, str):
            return attr in _STRING_METHODS
        return next((attr in methods for kind, methods in _OTHER_METHODS if isinstance(obj, kind)), True)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        _tick()
        return _bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _tick()
        texts = isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple)
        if operator == "*" and texts:
            size = left * len(right) if isinstance(left, int) else len(left) * right
            if size > MAX_VALUE:
                raise TooLarge(f"a value of {size} characters or elements; at most {MAX_VALUE}")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("text % values is not available in flows; use ~ to join texts")
        if operator == "**" and (abs(left) > 10**6 or abs(right) > 64):
            raise TooLarge("a power of more than 77 digits")
        return _bounded(super().call_binop(context, operator, left, right))
