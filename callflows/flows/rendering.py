"""Renders one step's template within its limits, and turns whatever goes wrong into a Problem with file and line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jinja2.exceptions import SecurityError, TemplateNotFound, TemplateSyntaxError, UndefinedError

from ..errors import CallflowsError, DocumentRefused
from ..models import Problem, Severity
from .sandbox import BUDGET, Budget, FlowEnvironment, OverBudget, TooLarge

MAX_RENDERED = 250_000  # characters; the platforms take 100 KB, and the judge says so with a better message


def render(environment: FlowEnvironment, template: str, context: Mapping[str, Any], *, seconds: float) -> str:
    """The rendered text, without leading white space (nothing may stand before an XML declaration).

    Raise DocumentRefused with one `template.*` problem when it fails or exceeds its time or size.
    """
    budget = Budget(seconds)
    token = BUDGET.set(budget)
    try:
        parts: list[str] = []
        size = 0
        for part in environment.get_template(template).generate(context):
            size += len(part)
            if size > MAX_RENDERED:
                raise TooLarge(f"the document grew over {MAX_RENDERED} characters")
            budget.check()
            parts.append(part)
        return "".join(parts).lstrip()
    except (Exception, RecursionError) as error:
        problem = explain(error, template, context, seconds)
        raise DocumentRefused(str(problem), [problem]) from error
    finally:
        BUDGET.reset(token)


def explain(error: BaseException, template: str, context: Mapping[str, Any] = {}, seconds: float = 0) -> Problem:
    """Any exception of compiling or rendering as a Problem of the template."""
    file, line = _place(error.__traceback__, template)
    hint = ""
    match error:
        case TemplateSyntaxError():
            file, line = error.name or template, error.lineno
            code, message = "template.syntax", error.message or "syntax error"
        case TemplateNotFound():
            code, message = "template.not-found", f"there is no template {error.name!r}"
            hint = "names are written from the flows' folder, such as _shared/menu.xml or forward/part.xml"
        case UndefinedError():
            code, message = "template.undefined", error.message or "undefined name"
            hint = _suggest(message, context)
        case SecurityError():
            code, message = "template.forbidden", str(error)
        case OverBudget():
            code, message = "template.deadline", f"took longer than {seconds:g} s"
            hint = "look for loops in loops, or a macro that calls itself"
        case TooLarge():
            code, message = "template.size", str(error)
        case CallflowsError():  # one of the context's functions refused
            code, message, hint = "template.link", error.message, error.hint
        case RecursionError():
            code, message = "template.recursion", "includes or calls itself without end"
        case _:
            code, message = "template.error", f"{type(error).__name__}: {error}"
    return Problem(Severity.ERROR, code, message, file, line, hint)


def _place(traceback: TracebackType | None, template: str) -> tuple[str, int | None]:
    """The innermost frame that lies in a template: Jinja rewrites tracebacks to template files and lines."""
    place: tuple[str, int | None] = (template, None)
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.endswith(".xml") and not name.startswith("/"):
            place = (name, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _suggest(message: str, context: Mapping[str, Any]) -> str:
    found = re.search(r"'([A-Za-z_]\w*)' is undefined|has no attribute '([A-Za-z_]\w*)'", message)
    if not found:
        return ""
    if found[1]:
        close = difflib.get_close_matches(found[1], context, n=1)
        return f"did you mean {close[0]}?" if close else "see `callflows flows context` for the names there are"
    fields = {name for value in context.values() for name in getattr(type(value), "__slots__", ())}
    fields |= {name for value in context.values() if isinstance(value, Mapping) for name in value}
    close = difflib.get_close_matches(found[2], fields, n=1)
    return f"did you mean {close[0]}?" if close else "use default(...) for a name that may be absent"
