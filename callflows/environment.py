"""Where settings come from beside the environment: `.env`, and files that CALLFLOWS_NAME_FILE names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .errors import ConfigError

PREFIX = "CALLFLOWS_"


def from_files(dotenv: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The settings that are read from files, and what is wrong with the files. The environment wins over .env, and
    a value in the environment over a file.
    """
    environment = {field_name(name) for name, value in os.environ.items() if value and name.upper().startswith(PREFIX)}
    paths = {
        field_name(name): path
        for source in (dotenv, os.environ)
        for name, path in source.items()
        if path and name.upper().startswith(PREFIX)
    }
    values: dict[str, str] = {}
    faults: list[str] = []
    for name in names:
        path = paths.get(f"{name}_file")
        if path is None or name in environment:
            continue
        reason = "it is empty"
        try:
            values[name] = Path(path).read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except ValueError:  # also a path with a NUL
            reason = "not UTF-8 text"
        if not values.get(name):
            faults.append(f"{PREFIX}{name.upper()}_FILE: cannot read {path}: {reason}")
    return values, faults


def dotenv() -> dict[str, str]:
    """Our names in `.env`; what cannot be read is one ConfigError."""
    from dotenv import dotenv_values

    try:
        found = dotenv_values(".env", encoding="utf-8") if Path(".env").is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f".env cannot be read: {reason}") from None
    return {name: value or "" for name, value in found.items() if name.upper().startswith(PREFIX)}


def field_name(name: str) -> str:
    return name.upper().removeprefix(PREFIX).lower()


def prefixed_names(dotenv: Mapping[str, str]) -> list[str]:
    return sorted({name for name in (*os.environ, *dotenv) if name.upper().startswith(PREFIX)})
