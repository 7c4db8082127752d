"""The filters flows have: Jinja's, without those that a short text can blow up or that undo escaping, all bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from jinja2 import pass_environment, pass_eval_context
from jinja2.filters import FILTERS
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as JINJAS

from .bounds import ELEMENT_WEIGHT, MAX_VALUE, TooLarge, bounded, counted, refuse_over, spend

MAPPING_METHODS = frozenset(("get", "items", "keys", "values"))  # those templates may call
MAX_SEARCH = 100_000_000  # characters of a text times those of what is looked for in it: 40 ms at worst

_NAMES = "abs count d default dictsort first float int items last length reverse".split()
_OF_ELEMENTS = "groupby list map max min reject rejectattr select selectattr slice sort unique".split()
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


def refuse_search(text: Any, wanted: Iterable[Any]) -> None:
    """`text`: anything else than a text counts as a long one."""
    length = len(text) if isinstance(text, str) else MAX_VALUE
    for part in wanted:
        if isinstance(part, str) and length * len(part) > MAX_SEARCH:
            raise TooLarge(f"a text of {len(part)} characters to look for in one of {length}")


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    at = 1 if hasattr(function, "jinja_pass_arg") else 0  # after the environment or context Jinja passes

    def of_text(*args: Any, **kwargs: Any) -> Any:
        return function(*args[:at], scalar(args[at]), *args[at + 1 :], **kwargs)

    return _like(of_text, function)


def _of_elements(function: Callable[..., Any]) -> Callable[..., Any]:
    at = 1 if hasattr(function, "jinja_pass_arg") else 0

    def of_elements(*args: Any, **kwargs: Any) -> Any:
        if isinstance(args[at], str):  # its characters, each an element
            refuse_over(len(args[at]) * ELEMENT_WEIGHT)
        return function(*args, **kwargs)

    return _like(of_elements, function)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def bounded_filter(*args: Any, **kwargs: Any) -> Any:
        spend(1)
        return bounded(function(*args, **kwargs))

    return _like(bounded_filter, function)


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    def counted_test(*args: Any, **kwargs: Any) -> Any:
        return counted(function(*args, **kwargs))

    return _like(counted_test, function)


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
    value = scalar(value)
    refuse_search(str(value), (chars,))
    return FILTERS["trim"](value, chars)


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
    **{name: _bounded(_of_elements(FILTERS[name])) for name in _OF_ELEMENTS},
    "batch": _bounded(_of_elements(_batch)),
    "join": _bounded(_of_elements(_join)),
    "replace": _bounded(_replace),
    "round": _bounded(_round),
    "sum": _bounded(_of_elements(_sum)),
    "trim": _bounded(_trim),
}
# `is in`, `is lower` and their kin look at all of a value; `select("in", ...)` does so for each of many
TESTS: dict[str, Any] = {name: _counted(test) for name, test in dict[str, Any](JINJAS).items()}
