"""The house has walls: a file imports its own layer or lower, rooms do not know each other, layers 0-3 do not know
Flask, the simulator is a stranger, and a provider's name is written in its own files only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "callflows"
LAYERS: dict[str, int] = {
    "errors": 0,
    "models": 0,
    "bearer": 1,
    "bounded": 1,
    "config": 1,
    "durations": 1,
    "logs": 1,
    "marks": 1,
    "scrub": 1,
    "shipped": 1,
    "signing": 1,
    "substitutes": 1,
    "suggest": 1,
    "urls": 1,
    "documents": 2,
    "flows": 2,
    "providers": 2,
    "store": 2,
    "answering": 3,
    "batch": 3,
    "capture": 3,
    "checks": 3,
    "compose": 3,
    "exploring": 3,
    "keeper": 3,
    "known": 3,
    "needs": 3,
    "publishing": 3,
    "runtime": 3,
    "targets": 3,
    "transfers": 3,
    "api": 4,
    "webhooks": 4,
    "app": 5,
    "cli": 6,
    "testing": 6,
    "__main__": 6,
}
ROOMS = {"documents", "flows", "providers", "store"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Absolute names of what a file imports when it runs; `if TYPE_CHECKING:` is for the type checker alone."""
    package = ["callflows", *file.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(file.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":
        return  # the front door: re-exports, lazily
    for name in imports(file):
        top, *rest = name.split(".")
        if room == "simulator":
            own = name.startswith("callflows.simulator")
            assert top != "callflows" or own, f"the simulator is a stranger, and imports {name}"
            continue
        if room in LAYERS and LAYERS[room] <= 3:
            assert top not in ("flask", "werkzeug"), f"layers 0-3 do not know Flask: {name}"
        if top != "callflows" or not rest or rest[0] not in LAYERS:
            continue
        assert LAYERS[rest[0]] <= LAYERS[room], f"{name} is above {room}"
        assert not (room in ROOMS and rest[0] in ROOMS and rest[0] != room), f"{room} does not know {rest[0]}"


def test_every_file_has_its_layer() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__", "simulator"}
    assert rooms == set(LAYERS)


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_a_provider_lives_in_its_own_files(provider: str) -> None:
    """No comparison with a provider's name anywhere: what differs is in providers/P.py, dialects/P.py and P.xsd."""
    for file in FILES:
        if file.stem == provider:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare):
                compared = [node.left, *node.comparators]
                names = [part.value for part in compared if isinstance(part, ast.Constant)]
                assert provider not in names, f"{file}:{node.lineno} asks for {provider}"
    for part in (f"providers/{provider}.py", f"documents/dialects/{provider}.py", f"documents/schemas/{provider}.xsd"):
        assert (PACKAGE / part).is_file()


def test_no_file_is_too_long() -> None:
    long = {str(file): len(file.read_text().splitlines()) for file in FILES}
    assert not {file: lines for file, lines in long.items() if lines > 400}
