"""A new flow is written beside its place and moved there whole: a server that runs never sees half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path


def save_new(folder: Path, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes]) -> list[str]:
    """Make `folder/name` from `files` (`<name>/...`), and what is missing of `shared` (`_shared/...`) before it.

    The answer is which shared files were written; none that is there is touched. Raise FileExistsError when the name
    is taken, another OSError when something cannot be written.
    """
    if os.path.lexists(folder / name):
        raise FileExistsError(name)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    aside = folder / f".new-{name}-{secrets.token_hex(4)}"  # a dot name: not loaded
    try:
        for path, data in files.items():
            _write(aside / path, data)
        written = [path for path, data in shared.items() if _add(aside / path, folder / path, data)]
        try:
            os.rename(aside / name, folder / name)
        except OSError as error:
            if os.path.lexists(folder / name):  # somebody was faster
                raise FileExistsError(name) from error
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return written


def _add(aside: Path, target: Path, data: bytes) -> bool:
    if os.path.lexists(target):
        return False
    _write(aside, data)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(aside, target)
    return True


def differing(folder: Path, shared: Mapping[str, bytes]) -> list[str]:
    """Shared files that are there with another content."""
    return [path for path, data in shared.items() if _content(folder / path) not in (None, data)]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
