"""The filters flows have: Jinja's, without those that a short text can blow up or that undo escaping, all bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from jinja2 import pass_environment, pass_eval_context
from jinja2.filters import FILTERS
from jinja2.runtime import Undefined

from .bounds import TooLarge, bounded, refuse_over, spend

MAPPING_METHODS = frozenset(("get", "items", "keys", "values"))  # those templates may call
MAX_ARGUMENT = 1000  # characters of a text to look for: looking for a long one in a long one takes too long

_NAMES = (
    "abs count d default dictsort first float groupby int items last length list map max min reject rejectattr "
    "reverse select selectattr slice sort unique"
).split()
_OF_TEXT = "capitalize e escape lower string title truncate upper urlencode wordcount".split()


def scalar(value: Any) -> Any:
    """Refuses what nobody wants to hear or see in XML."""
    if isinstance(value, Undefined | str | int | float):
        return value
    if value is None:
        raise TypeError("None cannot be written into a document; use default(...)")
    if isinstance(value, date):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written into a document; write its parts")


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    at = 1 if hasattr(function, "jinja_pass_arg") else 0  # after the environment or context Jinja passes

    def of_text(*args: Any, **kwargs: Any) -> Any:
        return function(*args[:at], scalar(args[at]), *args[at + 1 :], **kwargs)

    return _like(of_text, function)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def bounded_filter(*args: Any, **kwargs: Any) -> Any:
        spend(1)
        return bounded(function(*args, **kwargs))

    return _like(bounded_filter, function)


def _like(wrapper: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    # Jinja marks filters that want the environment or context with attributes
    wrapper.__dict__.update(getattr(function, "__dict__", {}))
    return wrapper


@pass_eval_context
def _join(eval_ctx: Any, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> Any:
    values = list(value)
    refuse_over(len(values) * len(str(scalar(d))))
    if attribute is None:
        values = [scalar(item) for item in values]
    return FILTERS["join"](eval_ctx, values, d, attribute)


@pass_eval_context
def _replace(eval_ctx: Any, s: Any, old: Any, new: Any, count: int | None = None) -> Any:
    s, old, new = scalar(s), scalar(old), scalar(new)
    refuse_over(str(s).count(str(old)) * len(str(new)))
    return FILTERS["replace"](eval_ctx, s, old, new, count)


def _trim(value: Any, chars: str | None = None) -> Any:
    if chars is not None and len(chars) > MAX_ARGUMENT:
        raise TooLarge(f"a text of {len(chars)} characters to trim")
    return FILTERS["trim"](scalar(value), chars)


def _batch(value: Iterable[Any], linecount: int, fill_with: Any = None) -> Any:
    refuse_over(linecount)
    return FILTERS["batch"](value, linecount, fill_with)


def _round(value: float, precision: int = 0, method: Any = "common") -> Any:
    if abs(precision) > 20:
        raise TooLarge("a precision of more than 20 digits")
    return FILTERS["round"](value, precision, method)


@pass_environment
def _sum(environment: Any, iterable: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> Any:
    if not isinstance(start, int | float):
        raise TypeError("sum adds numbers; use join for texts")
    return FILTERS["sum"](environment, iterable, attribute, start)


ALLOWED = {
    **{name: _bounded(FILTERS[name]) for name in _NAMES},
    **{name: _bounded(_of_text(FILTERS[name])) for name in _OF_TEXT},
    "batch": _bounded(_batch),
    "join": _bounded(_join),
    "replace": _bounded(_replace),
    "round": _bounded(_round),
    "sum": _bounded(_sum),
    "trim": _bounded(_trim),
}
