"""Looking at a journal's files, and at what of them is stored."""

from __future__ import annotations

from pathlib import Path

from callflows.store import Store


def ids(store: Store) -> list[str]:
    return [e.id for e in store.exchanges(call_uuids=["call-1"], limit=100_000)]


def files(folder: Path, suffix: str = ".journal") -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


def orphan(folder: Path, content: bytes, name: str = "0-1-dead") -> Path:
    """A file whose writer is gone."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.journal"
    path.write_bytes(content)
    return path
