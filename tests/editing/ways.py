"""The ways programs save a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

Save = Callable[[Path, str], None]


def in_place(path: Path, text: str) -> None:
    """vim with nowritebackup, nano, a shell's `>`."""
    path.write_text(text)


def renamed_over(path: Path, text: str) -> None:
    """Atomic writers: VS Code's, sed -i, most libraries."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:6]}.tmp")
    draft.write_text(text)
    draft.replace(path)


def as_vim(path: Path, text: str) -> None:
    """With its defaults: a probe, a swap file, a backup that the old file is renamed to."""
    (path.parent / "4913").touch()
    (path.parent / "4913").unlink()
    swap, backup = path.with_name(f".{path.name}.swp"), path.with_name(f"{path.name}~")
    swap.write_bytes(b"b0VIM 9.0")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def as_emacs(path: Path, text: str) -> None:
    """The backup stays, and so does a lock that is a link to nowhere."""
    (path.parent / f".#{path.name}").symlink_to("operator@example.1234:5678")
    (path.parent / f"#{path.name}#").write_text(text)
    shutil.copy2(path, path.with_name(f"{path.name}~"))
    path.write_text(text)
    (path.parent / f".#{path.name}").unlink()


def with_the_old_mtime(path: Path, text: str) -> None:
    """cp -p, rsync -t; where the text is of the same length, size and time say that nothing happened."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def from_the_past(path: Path, text: str) -> None:
    """touch -d, an unpacked archive, a clock that was set back."""
    path.write_text(text)
    os.utime(path, (86_400, 86_400))


def over_a_part_of_it(path: Path, text: str) -> None:
    """From the first byte that differs on, in the open file."""
    old, new = path.read_bytes(), text.encode()
    same = next(
        (at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )
    with path.open("r+b") as file:
        file.seek(same)
        file.write(new[same:])
        file.truncate()


def whole_folder(path: Path, text: str) -> None:
    """A deploy: rm -r and cp -r."""
    copy = path.parent.parent.parent / f"copy-{uuid.uuid4().hex[:6]}"
    shutil.copytree(path.parent, copy)
    (copy / path.name).write_text(text)
    shutil.rmtree(path.parent)
    subprocess.run(["cp", "-r", str(copy), str(path.parent)], check=True)


def folder_swapped(path: Path, text: str) -> None:
    """A deploy that renames the folder into place."""
    copy, old = (path.parent.parent / f".{word}-{uuid.uuid4().hex[:6]}" for word in ("new", "old"))
    shutil.copytree(path.parent, copy)
    (copy / path.name).write_text(text)
    path.parent.rename(old)
    copy.rename(path.parent)
    shutil.rmtree(old)


ONE_FILE: tuple[Save, ...] = (in_place, renamed_over, as_vim, with_the_old_mtime, from_the_past, over_a_part_of_it)
ALL: tuple[Save, ...] = (*ONE_FILE, as_emacs, whole_folder, folder_swapped)
