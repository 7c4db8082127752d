"""The OpenAPI 3.1 document, made from the table of endpoints and their models."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from .endpoints import BASE, ENDPOINTS, Endpoint
from .errors import CODES
from .models import Error, NoQuery

ALWAYS = ("malformed", "unauthorized", "forbidden", "busy", "internal_error")
WITH_BODY = ("request_invalid", "body_too_large", "unsupported_media_type")
KEY_PATTERN = "^[!-~]{1,255}$"
_REF = "#/components/schemas/{model}"
_HEADERS = {
    "X-Request-ID": "The request's own, or one that was made for it.",
    "Retry-After": "Seconds after which to ask again.",
    "Location": "Where the transfer is.",
    "WWW-Authenticate": "Bearer.",
}
_ABOUT = (
    "Moves live calls into call flows, and tells what became of them. Times are Unix seconds. Every error has the same "
    "shape; compare `error.code`."
)


@functools.cache
def document(public_url: str = "") -> dict[str, Any]:
    """The whole document; `public_url` says where the server is."""
    models = {m for each in ENDPOINTS for m in (*each.answers.values(), each.body) if m is not None} | {Error}
    named: list[tuple[type[BaseModel], Any]] = [(m, "validation") for m in sorted(models, key=lambda m: m.__name__)]
    _, schemas = models_json_schema(named, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for each in ENDPOINTS:
        paths[BASE + each.path][each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "callflows", "version": __version__, "description": _ABOUT},
        "servers": [{"url": urlsplit(public_url).path or "/"}],
        "security": [{"token": []}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
        },
    }


def _operation(each: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": f"{each.handler.__module__.rpartition('.')[2]}_{each.handler.__name__}",
        "summary": each.summary,
        "description": f"{each.description}\n\nScope: {each.scope}.".strip(),
        "parameters": [*_path_parameters(each), *_query_parameters(each), *_header_parameters(each)],
        "responses": _responses(each),
    }
    if each.body is not None:
        schema = {"$ref": _REF.format(model=each.body.__name__)}
        found["requestBody"] = {"required": each.body_required, "content": {"application/json": {"schema": schema}}}
    return found


def _path_parameters(each: Endpoint) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", each.path)
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(each: Endpoint) -> list[dict[str, Any]]:
    if each.query is NoQuery:
        return []
    schema = each.query.model_json_schema()
    found = []
    for name, spec in schema["properties"].items():
        if "$ref" in str(spec):
            spec = _inlined(spec, schema["$defs"])
        spec = _without_null(spec)
        spec.pop("title", None)
        text = spec.pop("description", "")
        parameter = {"name": name, "in": "query", "required": False, "schema": spec}
        found.append({**parameter, "description": text} if text else parameter)
    return found


def _inlined(value: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(each, defs) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return {k: v for k, v in defs[value["$ref"].rpartition("/")[2]].items() if k in ("type", "enum")}
    return {name: _inlined(each, defs) for name, each in value.items()}


def _without_null(spec: dict[str, Any]) -> dict[str, Any]:
    """A query parameter that is not given is left out; there is no null to be written."""
    some = [each for each in spec.get("anyOf", []) if each.get("type") != "null"]
    rest = {k: v for k, v in spec.items() if k != "anyOf" and not (k == "default" and v is None)}
    return {**some[0], **rest} if len(some) == 1 else rest


def _header_parameters(each: Endpoint) -> list[dict[str, Any]]:
    if not each.idempotent:
        return []
    text = "With the same key and body, asking again does nothing, and gives the same answer."
    schema = {"type": "string", "pattern": KEY_PATTERN}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": text}]


def _responses(each: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, model in each.answers.items():
        found[str(status)] = _response(model, "Done." if status == 200 else "Asked for.", status)
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys((*ALWAYS, *(WITH_BODY if each.body is not None else ()), *each.codes)):
        by_status[CODES[code][0]].append(code)
    for status, codes in sorted(by_status.items()):
        text = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
        found[str(status)] = _response(Error, text, status)
    # these are refused by the HTTP server before they reach us, in its own words
    page = {"text/html": {"schema": {"type": "string"}}}
    found["400"]["content"] |= page
    found["414"] = {"description": "The address is longer than the HTTP server takes (4094 bytes).", "content": page}
    found["431"] = {"description": "The headers are larger than the HTTP server takes.", "content": page}
    return found


def _response(model: type[BaseModel], text: str, status: int) -> dict[str, Any]:
    names = ["X-Request-ID"]
    names += {202: ["Location"], 401: ["WWW-Authenticate"], 409: ["Retry-After"], 429: ["Retry-After"]}.get(status, [])
    names += ["Retry-After"] if status in (200, 503) else []
    return {
        "description": text,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}},
    }
