"""Bodies and query strings into models. Everything that is wrong is said at once, and none of it is quoted: it might be
somebody's secret."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from .errors import ApiError

_MESSAGES = {"extra_forbidden": "is not known here", "missing": "is missing"}


def read_body(model: type[BaseModel], content: bytes) -> BaseModel:
    """The JSON of a body. Raise ApiError: malformed, or request_invalid with `details.fields`."""
    try:
        from_json(content, allow_inf_nan=False)  # UTF-8, no lone surrogates, at most 200 deep
        json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError("malformed", f"the body is not JSON that we take: {error}") from None
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ApiError("request_invalid", *_told(error)) from None


def read_query(model: type[BaseModel], query_string: bytes) -> BaseModel:
    """Raise ApiError: malformed."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise ApiError("malformed", "the query string cannot be read") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise ApiError("malformed", f"the query parameter {name[:40]!r} is given twice")
        values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ApiError("malformed", *_told(error)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _told(error: ValidationError) -> tuple[str, dict[str, Any]]:
    """One line, and each field with what is wrong with it."""
    fields: dict[str, str] = {}
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        loc = [str(part) for part in fault["loc"]]
        if loc[:1] == ["params"] and len(loc) > 2:  # one line for each type it might have been
            fields.setdefault(".".join(loc[:2]), "must be text, a whole number, or true or false")
            continue
        fields.setdefault(".".join(loc), _MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, "))
    told = [{"field": name[:100], "message": message} for name, message in fields.items()]
    first = next(iter(told))
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return f"{first['field']}: {first['message']}{more}".removeprefix(": "), {"fields": told}
