"""Tokens of the HTTP API. A token is random text; API_TOKENS holds `id:scope:sha256` of it, so nobody reads it there.

Hashing once is enough: a token of ours is 256 random bits, and a slow hash would be a way to keep us busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from .models import ASKERS

PREFIX = "cf_"  # so that scanners for leaked secrets can know one when they see it


class Scope(IntEnum):
    """Each may do what those before it may."""

    READ = 1
    TRANSFER = 2
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is."""

    id: str
    scope: Scope


class Tokens:
    """The API_TOKENS of one Settings. Several entries may share an id: that is how one is rotated. Raise ValueError."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._known: list[tuple[bytes, Caller]] = []
        for number, entry in enumerate(entries, 1):  # faults by number: the text might be a token in clear
            if not re.fullmatch(r"[^:]*:(read|transfer|admin):[0-9a-f]{64}", entry):
                raise ValueError(f"entry {number} is not id:scope:sha256 (scope read, transfer or admin)")
            id, scope, digest = entry.split(":")
            new = bytes.fromhex(digest), Caller(id, Scope[scope.upper()])
            fault = id_fault(id)
            if fault:
                raise ValueError(f"entry {number}: its id {fault}")
            for known, caller in self._known:
                if caller.id == id and caller != new[1]:
                    raise ValueError(f"entry {number}: another entry gives {id} another scope")
                if known == new[0] and caller.id != id:
                    raise ValueError(f"entry {number} has the same token as {caller.id}: nobody could tell who asked")
            self._known.append(new)

    def __len__(self) -> int:
        return len(self._known)

    def owner(self, authorization: str) -> Caller | None:
        """Of an `Authorization` header (as WSGI has it: latin-1). Takes equally long whichever token it is nearly."""
        scheme, _, token = authorization.strip().partition(" ")
        digest = hashlib.sha256(token.strip().encode("latin-1", "replace")).digest()
        found = None
        for known, caller in self._known:
            if hmac.compare_digest(digest, known):
                found = caller
        return found if scheme.lower() == "bearer" and token else None


def new_token(id: str, scope: Scope) -> tuple[str, str]:
    """A token, which is shown once, and its entry for API_TOKENS."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, f"{id}:{scope}:{hashlib.sha256(token.encode()).hexdigest()}"


def id_fault(id: str) -> str:
    """Why this cannot be a token's id, as the end of a sentence; empty when it can."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", id):
        return "must be 1 to 64 letters, digits, _ . or -"
    if id in ASKERS:
        return f"is kept for who asks without a token ({', '.join(ASKERS)})"
    return ""
