"""Who may use the console: CONSOLE_USERS holds `name:role:argon2 hash` for each, so nobody reads a password there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .bearer import id_fault

MIN_PASSWORD = 12
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")  # so that an unknown name takes as long as a wrong password


class Role(IntEnum):
    """Each may do what those before it may: look; transfer, hang up, publish."""

    VIEWER = 1
    OPERATOR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: Role


class People:
    """The CONSOLE_USERS of one Settings. Raise ValueError, which shows no hash."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._known: dict[str, tuple[Person, str]] = {}
        for number, entry in enumerate(entries, 1):
            match = re.fullmatch(r"([^:]*):(viewer|operator):(\$argon2id\$[^:]+)", entry)
            if match is None:
                raise ValueError(
                    f"entry {number} is not name:role:hash (role viewer or operator); see `callflows console user`"
                )
            name, role, hash = match.groups()
            fault = id_fault(name)
            if fault:
                raise ValueError(f"entry {number}: its name {fault}")
            if name in self._known:
                raise ValueError(f"entry {number}: {name} is there already")
            self._known[name] = Person(name, Role[role.upper()]), hash

    def __len__(self) -> int:
        return len(self._known)

    def named(self, name: str) -> Person | None:
        """Whoever is called so now: a session of somebody who was removed ends."""
        found = self._known.get(name)
        return found[0] if found else None

    def mark(self, name: str) -> str:
        """Changes with the password: a session that was begun with another one ends. "" for whoever is unknown."""
        found = self._known.get(name)
        return hashlib.sha256(found[1].encode()).hexdigest()[:12] if found else ""

    def signed_in(self, name: str, password: str) -> Person | None:
        """None for a wrong name or password; both take equally long."""
        person, hash = self._known.get(name, (None, _NOBODY))
        try:
            _HASHER.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return None
        return person


def entry(name: str, role: Role, password: str) -> str:
    """A line for CONSOLE_USERS. Raise ValueError with the end of a sentence."""
    fault = id_fault(name)
    if fault:
        raise ValueError(f"the name {fault}")
    if len(password) < MIN_PASSWORD:
        raise ValueError(f"the password must have at least {MIN_PASSWORD} characters")
    return f"{name}:{role}:{_HASHER.hash(password)}"
