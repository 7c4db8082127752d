"""Flows from a dictionary, explored as `flows check` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callflows.compose import Composer
from callflows.config import Settings
from callflows.exploring import Exploration, explore
from callflows.flows import Versions, load_flow, read_sources
from callflows.providers import NAMES
from callflows.signing import TokenSigner
from tests.flows.rooms import save


def explored(
    tmp_path: Path, files: Mapping[str, str | bytes], *, flow: str = "support", **settings: Any
) -> Exploration:
    """`files` as they lie in the templates folder; names without a folder are the flow's."""
    folder = tmp_path / "templates"
    save(folder, {name if "/" in name else f"{flow}/{name}": text for name, text in files.items()})
    values = {"PUBLIC_URL": "https://flows.example.com", "SECRET_KEYS": "k" * 32, "STATE_DIR": tmp_path / "state"}
    loaded = Settings.load({**values, **settings})
    composer = Composer(loaded, Versions(tmp_path / "state"), TokenSigner(loaded.signing_keys()))
    flows = {name: load_flow(source) for name, source in read_sources(folder).items()}
    return explore(composer, flows[flow], NAMES, flows)


def lines(exploration: Exploration, *, warnings: bool = True) -> list[str]:
    """`file:line code` of each problem."""
    return [
        f"{problem.file}:{problem.line} {problem.code}"
        for problem in exploration.problems
        if warnings or problem.severity == "error"
    ]
