"""Renders one step's template within its limits, and turns whatever goes wrong into a Problem with file and line."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jinja2.exceptions import SecurityError, TemplateNotFound, TemplateSyntaxError, UndefinedError

from ..errors import CallflowsError, DataNotFound, DocumentRefused
from ..models import Problem
from ..suggest import did_you_mean
from .bounds import BUDGET, Budget, Clock, OverBudget, TooLarge
from .compiling import TooMuch
from .sandbox import FlowEnvironment

MAX_MESSAGE = 400
MAX_RENDERED = 250_000  # characters; the platforms take 100 KB, and the judge says so with a better message


def render(
    environment: FlowEnvironment,
    template: str,
    context: Mapping[str, Any],
    *,
    seconds: float,
    clock: Clock = time.monotonic,
) -> str:
    """The rendered text, without leading white space (nothing may stand before an XML declaration).

    Raise DocumentRefused with one `template.*` problem when it fails or exceeds its time or size.
    """
    budget = Budget(seconds, clock)
    token = BUDGET.set(budget)
    try:
        parts: list[str] = []
        size = 0
        for part in environment.get_template(template).generate(context):
            size += len(part)
            if size > MAX_RENDERED:
                raise TooLarge(f"the document grew over {MAX_RENDERED} characters")
            budget.spend(0)
            parts.append(part)
        return "".join(parts).lstrip()
    except (Exception, RecursionError) as error:
        problem = explain(error, template, context, seconds)
        raise DocumentRefused(str(problem), [problem]) from error
    finally:
        BUDGET.reset(token)


def explain(
    error: BaseException,
    template: str,
    context: Mapping[str, Any] = {},
    seconds: float = 0,
    *,
    at: tuple[str, int | None] | None = None,
) -> Problem:
    """Any exception of compiling or rendering as a Problem of the template. `at`: the file and line, where known."""
    file, line = at or _place(error.__traceback__, template)
    code, message, hint = "template.error", f"{type(error).__name__}: {error}", ""
    match error:
        case TooMuch():
            file, line = error.name or template, error.lineno
            code, message, hint = "template.size", error.message or "", error.hint
        case TemplateSyntaxError():
            file, line = error.name or template, error.lineno
            code, message = "template.syntax", error.message or "syntax error"
        case TemplateNotFound():
            code, message = "template.not-found", f"there is no template {error.name!r}"
            hint = "names are written from the flows' folder, such as _shared/menu.xml or forward/part.xml"
        case UndefinedError():
            code = "template.undefined"
            message, hint = _undefined(error.message or "undefined name", context)
        case SecurityError():
            code, message = "template.forbidden", str(error)
        case OverBudget():
            code, message = "template.deadline", f"took longer than {seconds:g} s"
            hint = "look for loops in loops, or a macro that calls itself"
        case TooLarge():
            code, message = "template.size", str(error)
        case DataNotFound():
            code, message, hint = "template.data", error.message, error.hint
        case CallflowsError():  # one of the context's functions refused
            code, message, hint = "template.link", error.message, error.hint
        case RecursionError():
            code, message = "template.recursion", "includes or calls itself without end"
        case SyntaxError():  # Jinja took it, Python's compiler did not: say so without its own line number
            message = error.msg
    return Problem.error(code, message[:MAX_MESSAGE], file, line, hint)


def _place(traceback: TracebackType | None, template: str) -> tuple[str, int | None]:
    """The innermost frame that lies in a template: Jinja rewrites tracebacks to template files and lines."""
    place: tuple[str, int | None] = (template, None)
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.endswith(".xml") and not name.startswith("/"):
            place = (name, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _undefined(message: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Jinja's words in the flow's own names, and what may have been meant."""
    if found := re.search(r"'([A-Za-z_]\w*)' is undefined", message):
        known_to = (
            "`callflows flows context` lists the names there are; an application's own are declared, [context.NAME]"
        )
        return message, did_you_mean(found[1], context, known_to)
    if found := re.search(r"LookupTable object' has no attribute '(.*)'", message):
        return f"the table has no row {found[1]!r}", "use .get(...) for a row that may be absent"
    if found := re.search(r"'([\w.]+) object' has no attribute '([A-Za-z_]\w*)'", message):
        known: set[str] = set()
        for name, value in context.items():
            kind = type(value)
            if found[1] == f"{kind.__module__}.{kind.__qualname__}" and dataclasses.is_dataclass(value):
                message = f"{name} has no {found[2]!r}"
                known = {field.name for field in dataclasses.fields(value)}
            elif found[1] in ("dict", "mappingproxy") and isinstance(value, Mapping):
                known |= {key for key in value if key != found[2]}
        message = re.sub(r"'(?:\w+\.)+_?(\w+ object')", r"'\1", message)
        return message, did_you_mean(found[2], sorted(known), "use default(...) for a name that may be absent")
    return message, ""
