"""Reads the operators' folder: which flows there are, and every file that belongs to one. Follows no symlink."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..models import Problem, Severity
from .sharing import belonging

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SHARED = "_shared"
MAX_FILE_BYTES = 8_000_000  # a minute of hold music fits; a template of 5 MB is refused when it is rendered
_KNOWN = (".xml", ".toml", ".csv", ".txt", ".wav", ".mp3")

Stamp = tuple[tuple[str, int, int, int, int], ...]


def is_name(text: str) -> bool:
    """Whether a flow or step may be called this. Names are matched against what exists, never joined to a path."""
    return NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class FlowSource:
    """A flow as it stands on disk. `files` maps names such as `forward/aleg.xml` and `_shared/menu.xml`."""

    name: str
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()

    @functools.cached_property
    def version(self) -> str:
        """`<flow>-<hash>`: equal content is an equal version, on every machine."""
        digest = hashlib.sha256()
        for name, data in sorted(self.files.items()):
            digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
            digest.update(data)
        return f"{self.name}-{digest.hexdigest()[:16]}"


def stamp(folder: Path) -> Stamp:
    """Changes whenever any file below does, also with an unchanged mtime (ctime and inode tell)."""
    found = []
    for path, entry in _walk(folder):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            about = entry.stat(follow_symlinks=False)
            found.append((path, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
    return tuple(sorted(found))


def read_sources(folder: Path) -> dict[str, FlowSource]:
    """Every flow below `folder`, each with the shared files that belong to it. A missing folder has none."""
    files: dict[str, dict[str, bytes]] = {}
    problems: dict[str, list[Problem]] = {}
    for path, entry in _walk(folder):
        owner, _, rest = path.partition("/")
        is_folder = entry.is_dir(follow_symlinks=False)
        if not (rest or is_folder) or not (is_name(owner) or owner == SHARED):
            continue
        found = problems.setdefault(owner, [])
        files.setdefault(owner, {})
        if is_folder:
            found.append(Problem.error("flow.unreadable", "a folder that cannot be read", path))
            continue
        if entry.is_symlink():
            found.append(
                Problem.error("flow.symlink", "is a symlink: not loaded", path, hint="put the file itself here")
            )
            continue
        if (alike := lookalike(owner, path)) is not None:
            found.append(alike)
        if not path.endswith(_KNOWN):
            continue
        try:
            about = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(about.st_mode):
                continue
            if about.st_size > MAX_FILE_BYTES:
                found.append(Problem.error("flow.size", f"is {about.st_size} bytes; at most {MAX_FILE_BYTES}", path))
                continue
            files[owner][path] = Path(entry.path).read_bytes()
        except FileNotFoundError:
            continue  # gone between listing and reading: the next look sees the folder as it is then
        except OSError as error:
            found.append(Problem.error("flow.unreadable", f"cannot be read: {error.strerror}", path))
    shared, shared_problems = files.pop(SHARED, {}), problems.pop(SHARED, [])
    found_sources = {}
    for name, own in sorted(files.items()):
        belongs = belonging(own, shared)
        its = {**own, **{path: data for path, data in shared.items() if belongs(path)}}
        told = [problem for problem in shared_problems if belongs(problem.file)]
        found_sources[name] = FlowSource(name, its, (*problems[name], *told))
    return found_sources


def lookalike(flow: str, path: str) -> Problem | None:
    """A warning for a file that somebody took for a step, and that is none."""
    folder, _, file = path.rpartition("/")
    stem = re.sub(r"(\.(xml|html?|jinja2?|j2|tmpl|txt))+$", "", file, flags=re.IGNORECASE)
    if folder != flow or file.startswith("_") or path.endswith(".xml") or stem == file:
        return None
    if re.search(r"\.txt$", file, re.IGNORECASE) and not re.search(r"\.xml\.txt$", file, re.IGNORECASE):
        return None  # a table
    hint = f"call it {stem.lower()}.xml; a part that others include starts with _"
    return Problem(Severity.WARNING, "flow.ignored-file", "is no step: its name does not end in .xml", path, hint=hint)


def ignored(folder: Path) -> list[Problem]:
    """Folders that look like flows to whoever made them, and are none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    hint = "lower-case letters, digits, - and _; a folder of its own, no symlink"
    return [
        Problem(Severity.WARNING, "flow.name", "is no flow: its name cannot be one's", entry.name, hint=hint)
        for entry in entries
        if entry.is_dir() and not entry.name.startswith((".", "_")) and (entry.is_symlink() or not is_name(entry.name))
    ]


def _walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file, and every folder that cannot be listed. A missing folder has none."""
    with contextlib.suppress(OSError):
        yield from _entries(folder, "")


def _entries(folder: Path, below: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        path = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if below.count("/") < 3:
                try:
                    yield from _entries(Path(entry.path), f"{path}/")
                except FileNotFoundError:
                    continue
                except OSError:
                    yield path, entry
        else:
            yield path, entry
