"""What the tests of flows share: flows from a dictionary, rendering one template, one context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from callflows.errors import DocumentRefused
from callflows.flows import Flow, FlowSource, Links, build_context, load_flow, render
from callflows.flows.sandbox import FlowEnvironment
from callflows.models import CallEvent, CallValues, EventKind, Problem
from callflows.signing import Token
from callflows.urls import PublicUrls

BASE = "https://flows.example.com"
CALL = CallValues(uuid="1ed7fd89-df77-4ebf-8196-d5cf7222c918", from_number="+14155550100", to_number="+14155550101")


def source(name: str = "menu", **files: str | bytes) -> FlowSource:
    """`aleg="..."` is menu/aleg.xml, `toml="..."` is menu/flow.toml, `_shared__x` is _shared/x.xml."""
    found: dict[str, bytes] = {}
    for key, text in files.items():
        path = f"{name}/flow.toml" if key == "toml" else f"{name}/{key}.xml"
        if key.startswith("_shared__"):
            path = f"_shared/{key.removeprefix('_shared__')}.xml"
        found[path] = text.encode() if isinstance(text, str) else text
    return FlowSource(name, found)


def flow(name: str = "menu", **files: str | bytes) -> Flow:
    """A flow that loads without a problem."""
    loaded = load_flow(source(name, **files))
    assert loaded.problems == ()
    return loaded


def links(fragment: str = "") -> Links:
    return Links(PublicUrls(BASE), "plivo", fragment)


def context(of: Flow, step: str = "aleg", **how: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "event": CallEvent(EventKind.DOCUMENT, CALL),
        "token": Token(),
        "links": links(),
        "find_flow": lambda name: None,
    }
    return build_context(of, of.steps[step], **(given | how))


def rendered(template: str, seconds: float = 5.0, **values: Any) -> str:
    return render(FlowEnvironment({"menu/aleg.xml": template}), "menu/aleg.xml", values, seconds=seconds)


def refused(template: str | Mapping[str, str], seconds: float = 5.0, **values: Any) -> Problem:
    """The one problem of a template that cannot be rendered."""
    files = {"menu/aleg.xml": template} if isinstance(template, str) else template
    with pytest.raises(DocumentRefused) as caught:
        render(FlowEnvironment(files), "menu/aleg.xml", values, seconds=seconds)
    (problem,) = caught.value.problems
    assert problem.code.startswith("template.")
    return problem


def save(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode() if isinstance(text, str) else text)
