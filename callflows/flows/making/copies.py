"""The files of a flow as those of another: what it says of itself is rewritten, and what it shares is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..catalog import Flow
from ..sources import SHARED, FlowSource
from ..trying.reach import templates_of

_TEXTS = (".xml", ".toml", ".csv", ".txt")
_FLOW_URL = re.compile(r"flow_url\(\s*[\"']([^\"']+)[\"']")


def renamed(source: FlowSource, name: str) -> dict[str, bytes]:
    """The flow's own files, `<name>/...`, with every reference to itself under the new name."""
    own = {path.partition("/")[2]: data for path, data in source.files.items() if path.startswith(f"{source.name}/")}
    references = _references(source.name, own)

    def rewritten(data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")  # what is no UTF-8 is kept as it is
        return references.sub(lambda found: f"{found[1] or ''}{name}", text).encode("utf-8", "surrogateescape")

    return {f"{name}/{path}": rewritten(data) if path.endswith(_TEXTS) else data for path, data in own.items()}


def _references(flow: str, paths: Iterable[str]) -> re.Pattern[str]:
    """`forward/_dial.xml`, `forward/done`, `"forward/" ~ name`, `flow_url("forward"` and `--aleg forward`; in comments
    and descriptions too, which would otherwise tell of the other flow."""
    below = {part for path in paths for part in (path, path.removesuffix(".xml").partition(".")[0]) if part}
    tails = "|".join(map(re.escape, sorted(below, key=len, reverse=True)))
    ahead = rf"(?=/(?:(?:{tails})(?![\w-])|[\"']))" if tails else "(?!)"
    return re.compile(
        rf"(?<![\w./-]){re.escape(flow)}{ahead}"
        rf"|((?:flow_url\(\s*[\"']|--[ab]leg[ =])){re.escape(flow)}(?![\w/-])"
    )


def shared_by(source: FlowSource, flow: Flow) -> dict[str, bytes]:
    """The files of `_shared/` that a flow needs: the templates it includes, and whatever is no template (tables and
    texts are named by functions, not by files). All of them where a template names others by a variable, or has a
    mistake that hides what it includes."""
    facts = flow.environment.facts
    own = [name for name in flow.environment.sources if name.startswith(f"{flow.name}/")]
    reached = {each for name in own for each in templates_of(facts, name)}
    everything = any(name not in facts for name in own)
    return {
        path: data
        for path, data in source.files.items()
        if path.startswith(f"{SHARED}/") and (everything or path in reached or not path.endswith(".xml"))
    }


def leads_to(source: FlowSource) -> Iterator[str]:
    """The flows that templates name in flow_url()."""
    found = (
        name
        for path, data in source.files.items()
        if path.endswith(".xml")
        for name in _FLOW_URL.findall(data.decode("utf-8", "replace"))
    )
    yield from dict.fromkeys(found)
