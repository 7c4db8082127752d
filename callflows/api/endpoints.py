"""The table of endpoints: what each takes, gives and may refuse. Routing and the OpenAPI document are made from it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from ..bearer import Caller, Scope
from ..errors import RequestInvalid
from ..runtime import Runtime
from .models import NoQuery
from .shares import Shares

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Request:
    """One request that passed the door. `may_wait`: other requests have threads of their own meanwhile."""

    runtime: Runtime
    shares: Shares
    caller: Caller
    id: str
    path: Mapping[str, str]
    query: Any
    body: Any
    idempotency_key: str | None
    may_wait: bool


@dataclass(frozen=True, slots=True)
class Answer:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answers`: models of what it gives, by status. `codes`: its errors, besides those that every endpoint has."""

    method: str
    path: str
    scope: Scope
    handler: Handler
    answers: Mapping[int, type[BaseModel]]
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    body_required: bool = True
    idempotent: bool = False
    codes: Sequence[str] = ()

    @property
    def summary(self) -> str:
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[0]

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[2].strip()

    def matches(self, path: str) -> Mapping[str, str] | None:
        """The path's own values, if this is its address."""
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path), path)
        return found.groupdict() if found else None


ENDPOINTS: list[Endpoint] = []


def endpoint(
    method: str, path: str, scope: Scope, answers: Mapping[int, type[BaseModel]], **more: Any
) -> Callable[[Handler], Handler]:
    """Put a handler in the table; its docstring is the endpoint's description."""

    def add(handler: Handler) -> Handler:
        ENDPOINTS.append(Endpoint(method, path, scope, handler, answers, **more))
        return handler

    return add


def find(method: str, path: str) -> tuple[Endpoint | None, Mapping[str, str], list[str]]:
    """The endpoint of a request, its path's values, and the methods there are at this path ([] : no such path)."""
    here = [(each, values) for each in ENDPOINTS if (values := each.matches(path)) is not None]
    methods = sorted({each.method for each, _ in here})
    if "GET" in methods:
        methods.append("HEAD")
    wanted = "GET" if method == "HEAD" else method
    for each, values in here:
        if each.method == wanted:
            return each, values, methods
    return None, {}, [*methods, "OPTIONS"] if methods else []


def provider_named(request: Request, wanted: str | None) -> str:
    """The one that the client named, "" for none. Raise RequestInvalid where this server is not its customer."""
    known = request.runtime.providers_in_use()
    if wanted and wanted not in known:
        has = f"it has for {' and '.join(known)}" if known else "it has none at all"
        raise RequestInvalid(f"this server has no credentials for {wanted}", hint=has)
    return wanted or ""
