"""The twin's environment: notes a mistake and goes on, and notes which branches run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from jinja2 import Template, TemplateNotFound, TemplatesNotFound, Undefined
from jinja2.runtime import Context, Macro, markup_join
from markupsafe import Markup, escape

from ...marks import UNKNOWN
from ...models import Problem
from ..bounds import BUDGET, OverBudget, TooLarge, bounded, spend, ticking
from ..rendering import explain
from ..sandbox import BoundedContext, finalize
from .marking import Branch, Plain, Spot, bare, inband, mark, marked
from .placing import PlacingEnvironment
from .standins import NOTHING, Absent, NoTemplate, Optional, Unknown, tainted
from .weaving import Positions, WeavingCodeGenerator


@dataclass(slots=True, eq=False)
class Run:
    template: str
    context: Mapping[str, Any]
    seconds: float
    problems: dict[Any, Problem] = field(default_factory=dict)
    reached: set[Branch] = field(default_factory=set)
    modules: dict[str | None, Any] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        self.problems.setdefault((problem.file, problem.line, problem.code, problem.message), problem)


RUN: ContextVar[Run | None] = ContextVar("callflows_twin_run", default=None)


class _Template(Template):
    def _get_default_module(self, ctx: Context | None = None) -> Any:
        """Made anew in each run, or what goes wrong in it would be seen in the first only."""
        run = RUN.get()
        if run is None or (ctx is not None and ctx.globals_keys - self.globals.keys()):
            return super()._get_default_module(ctx)
        if self.name not in run.modules:
            run.modules[self.name] = self.make_module()
        return run.modules[self.name]


class _Context(BoundedContext):
    def call(__self, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Macros, callers and blocks give text with marks."""
        result = super().call(__obj, *args, **kwargs)
        return marked(result) if isinstance(result, str) and bare(result) != result else result


class Twin(PlacingEnvironment):
    code_generator_class = WeavingCodeGenerator
    context_class = _Context
    template_class = _Template
    intercepted_unops = frozenset(("+", "-"))
    marked = staticmethod(marked)

    def __init__(self, sources: Mapping[str, str]) -> None:
        super().__init__(sources)
        self.undefined = Absent
        self.finalize = lambda value: value  # _written has done it
        self.add_extension(Positions)
        hooks: dict[str, Callable[..., Any]] = {
            "_ticking": self._ticking,
            "_concatenated": self._concatenated,
            "_written": self._written,
            "_truth": lambda value: self._checked(value, bool),
            "_reached": self._reached,
            "_passing": self._passing,
            "_optional": Optional,
            "_row": self._row,
            "_rows": self._rows,
        }
        self.filters = {name: self._tolerant(name, function) for name, function in self.filters.items()} | hooks
        tests: dict[str, Any] = dict(self.tests)
        self.tests = {name: self._tolerant(name, function, False) for name, function in tests.items()}

    # Mistakes

    def failed(self, error: BaseException, *needles: str, given: Any = (), at: Spot | None = None) -> Any:
        """Note it, and go on with a value that stands for the one that could not be made.

        The column is where one of the needles stands, or `at`.
        """
        run, budget = RUN.get(), BUDGET.get()
        over = isinstance(error, TooLarge) and budget is not None and budget.left < 0
        if run is None or over or isinstance(error, OverBudget | RecursionError | MemoryError):
            raise error
        absent = getattr(error, "absent", None)
        message = str(error)
        of_another = tainted(given) or UNKNOWN in message or repr(UNKNOWN)[1:-1] in message
        if of_another or (absent is not None and absent.told):
            return NOTHING
        if absent is not None:
            absent.told = True
        file, line = _where(error, run.template)
        problem = explain(error, run.template, run.context, run.seconds, at=(file, line))
        if line is not None and file in self.layouts:
            quoted = [*re.findall(r"'([^']+)'", message), str(getattr(error, "name", "") or "")]
            found = self.layouts[file].find(line, [*quoted, *needles])
            line, column = found or (line, at.column if at and at.line == line else None)
            problem = replace(problem, line=line, column=column, source=self.source(file, line))
        run.add(problem)
        return NOTHING

    def attempt(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except Exception as error:
            return self.failed(error)

    def _checked(self, value: Any, check: Callable[[Any], Any]) -> Any:
        try:
            check(value)
        except Exception as error:
            return self.failed(error)
        return value

    def _tolerant(self, name: str, function: Callable[..., Any], unknown: Any = NOTHING) -> Callable[..., Any]:
        at = 1 if hasattr(function, "jinja_pass_arg") else 0

        def tolerant(*args: Any, **kwargs: Any) -> Any:
            if isinstance(args[at], Unknown):
                return unknown
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                return self.failed(error, name, given=(args[at:], kwargs))
            return self.aligned(args[at], result)

        tolerant.__dict__.update(getattr(function, "__dict__", {}))
        return tolerant

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Unknown):
            return obj
        try:
            return super().getattr(obj, attribute)
        except Exception as error:
            return self.failed(error, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Unknown) or isinstance(argument, Unknown):
            return NOTHING
        try:
            return super().getitem(obj, argument)
        except Exception as error:
            return self.failed(error, str(argument), given=(argument,))

    def sliced(self, obj: Any, start: Any, stop: Any, step: Any) -> Any:
        try:
            return self.aligned(obj, obj[start:stop:step])
        except Exception as error:
            return self.failed(error, given=(start, stop, step))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(__obj, Unknown):
            return __obj
        try:
            result = super().call(__context, __obj, *args, **kwargs)
        except Exception as error:
            name = getattr(__obj, "__name__", "")
            name = __obj.name if isinstance(__obj, Macro) else name
            ours = ("_loop_vars", "_block_vars")  # Jinja's: what was set, whether or not it is given
            passed = {key: value for key, value in kwargs.items() if key not in ours}
            return __self.failed(error, str(name), given=(args, passed))
        return __self.aligned(getattr(__obj, "__self__", None), result)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        try:
            result = super().call_binop(context, operator, left, right)
        except Exception as error:
            return self.failed(error, operator, given=(left, right))
        return self.joined([left, right], result) if operator == "+" and isinstance(result, str) else result

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        try:
            return super().call_unop(context, operator, arg)
        except Exception as error:
            return self.failed(error, operator)

    def _ticking(self, values: Any) -> Any:
        return ticking(self._checked(values, iter))

    def _rows(self, values: Any, shape: Any) -> Any:
        checked = self._checked(values, iter)
        return checked if isinstance(checked, Undefined) else [self._row(value, shape) for value in checked]

    def _row(self, value: Any, shape: Any) -> Any:
        """A value that can be taken apart into as many names as there are."""
        if shape is None:
            return value
        parts: list[Any] | None
        try:
            parts = None if isinstance(value, Unknown) else list(value)
            if parts is not None and len(parts) != len(shape):
                raise ValueError(f"there are {len(parts)} values for {len(shape)} names")
        except Exception as error:
            self.failed(error)
            parts = None
        return tuple(map(self._row, [NOTHING] * len(shape) if parts is None else parts, shape))

    def _reached(self, number: int) -> None:
        run = RUN.get()
        if run is not None:
            run.reached.add(self.branches[number])

    def _passing(self, value: Any, number: int) -> Any:
        self._reached(number)
        return value

    # Templates

    def load(self, name: str) -> Template:
        return super().get_template(name)

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Any:
        return self._found(name)

    select_template = get_or_select_template = get_template  # type: ignore[assignment]

    def _found(self, names: Any) -> Any:
        optional = isinstance(names, Optional)
        names = names.names if optional else names
        if isinstance(names, Unknown):
            return NoTemplate(self._unknown_here())
        try:
            if isinstance(names, Undefined):
                str(names)
            wanted = list(names) if isinstance(names, list | tuple) else [names]
            for name in wanted:
                if str(name) in self.sources:
                    return self._compiled(str(name))
            raise TemplateNotFound(names) if isinstance(names, str) else TemplatesNotFound(wanted)
        except TemplateNotFound as error:
            if optional:
                raise
            self.failed(error, *map(str, wanted), given=wanted)
        except Exception as error:
            self.failed(error)
        return NoTemplate(self._unknown_here())

    def _compiled(self, name: str) -> Any:
        try:
            return self.load(name)
        except Exception:  # reported where the flow was loaded
            return NoTemplate(self._unknown_here())

    def _unknown_here(self) -> str:
        file, line = _where(None, "")
        return mark(self.spot(Spot(file, line or 1, None))) + UNKNOWN

    # Text

    @staticmethod
    def written(text: str) -> str:
        spend(len(bare(text)))
        return text

    def _written(self, value: Any, spot: int) -> Markup:
        """What `{{ }}` writes, with its marks."""
        try:
            value = finalize(value)
            text = str(escape(value))
            if isinstance(value, Plain) and text != str(value):  # the columns do not hold
                value = Plain(value, tuple((at, self.still(known)) for at, known in value.spots))
            return Markup(inband(value if isinstance(value, str) else text, spot, as_markup=True))  # noqa: S704 - escaped
        except Exception as error:
            self.failed(error, at=self.spots[spot])
            return Markup(mark(spot) + UNKNOWN)  # noqa: S704 - ours

    def given_out(self, spot: int, value: Any) -> str:
        """What a call block or filter block writes, as it is."""
        if isinstance(value, str | Unknown):
            return inband(value if isinstance(value, str) else UNKNOWN, spot, as_markup=False)
        self._refused(value)
        return mark(spot) + UNKNOWN

    def _refused(self, value: Any) -> Any:
        def refuse() -> NoReturn:
            str(value)  # an undefined name says so itself
            raise TypeError(f"expected text, {type(value).__name__} found")

        return self.attempt(refuse)

    def _concatenated(self, values: list[Any]) -> Any:
        pieces = []
        for value in values:
            try:
                value = finalize(value)
                pieces.append(value if isinstance(value, str) else str(value))
            except Exception as error:
                pieces.append(str(self.failed(error)))
        try:
            return self.joined(pieces, bounded(markup_join(pieces)))
        except Exception as error:
            return self.failed(error)


def _where(error: BaseException | None, template: str) -> tuple[str, int | None]:
    """File and line of the innermost template: the one that raised it, or the one that is running."""
    found: Any = None
    raised = error.__traceback__ if error else None
    while raised is not None:
        if "__jinja_template__" in raised.tb_frame.f_globals:
            found = (raised.tb_frame, raised.tb_lineno)
        raised = raised.tb_next
    frame = sys._getframe(1) if found is None else None
    while frame is not None:
        if "__jinja_template__" in frame.f_globals:
            found = (frame, frame.f_lineno)
            break
        frame = frame.f_back
    if found is None:
        return template, None
    running: Template = found[0].f_globals["__jinja_template__"]
    return str(running.name), running.get_corresponding_lineno(found[1])
