"""Who is signed in: a signed cookie with a name and a secret of its own, which forms must bring along (CSRF).

Nothing is kept on the server. A session ends after IDLE_SECONDS without a request, after LONGEST_SECONDS in any case,
and when its person is no longer in CONSOLE_USERS.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from ..config import Settings
from ..people import People, Person, Role

COOKIE = "callflows_console"
IDLE_SECONDS = 8 * 3600
LONGEST_SECONDS = 7 * 24 * 3600
RENEW_SECONDS = 300
TRIES, TRY_SECONDS = 5, 300  # failed sign-ins of one name, or from one address, within so many seconds
_WATCHED = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """`began` and `seen` are Unix seconds."""

    person: Person
    csrf: str
    began: float
    seen: float


class Sessions:
    def __init__(self, settings: Settings, keys: Sequence[str]) -> None:
        self.people = People(settings.console_users)
        self._header = settings.console_proxy_header
        self._operators = frozenset(settings.console_operators)
        self._signer = URLSafeSerializer(list(keys), salt="callflows.console.v1")
        self._secure = settings.public_url.startswith("https://")

    @property
    def open_to(self) -> bool:
        """Whether anybody can sign in at all."""
        return bool(len(self.people) or self._header)

    def read(self, request: Request) -> Session | None:
        now = time.time()
        try:
            name, csrf, began, seen = self._signer.loads(request.cookies.get(COOKIE, ""))
            known = isinstance(name, str) and isinstance(csrf, str) and now - began < LONGEST_SECONDS
            known = known and now - seen < IDLE_SECONDS
        except (BadSignature, ValueError, TypeError):
            known = False
        person = self._by_proxy(request) if self._header else self.people.named(name) if known else None
        if person is None:
            return None
        if not known or name != person.name:
            return self.begin(person)
        return Session(person, csrf, began, seen)

    def _by_proxy(self, request: Request) -> Person | None:
        """Whom a proxy in front of us has let in. It must remove the header from what strangers send."""
        name = request.headers.get(self._header, "").strip()[:64]
        role = Role.OPERATOR if name in self._operators else Role.VIEWER
        return Person(name, role) if name else None

    @staticmethod
    def begin(person: Person) -> Session:
        now = time.time()
        return Session(person, secrets.token_urlsafe(24), now, 0.0)

    def write(self, response: Response, session: Session) -> None:
        now = time.time()
        if now - session.seen >= RENEW_SECONDS:
            value = self._signer.dumps([session.person.name, session.csrf, session.began, now])
            self._set(response, value, IDLE_SECONDS)

    def end(self, response: Response) -> None:
        self._set(response, "", 0)

    def _set(self, response: Response, value: str, age: int) -> None:
        response.set_cookie(
            COOKIE, value, max_age=age, path="/console", secure=self._secure, httponly=True, samesite="Lax"
        )


def is_ours(request: Request, session: Session, base: str) -> bool:
    """Whether a POST comes from a page of this session: by its token, and by what the browser says of its origin."""
    given = request.form.get("csrf", "") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), session.csrf.encode()):
        return False
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


class Tries:
    """Failed sign-ins, so that nobody guesses passwords. Of this process: the console runs as one."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, *names: str) -> float:
        """Seconds until the next try; 0 for now."""
        now = time.monotonic()
        waits = [0.0]
        for name in names:
            recent = [at for at in self._failed.get(name, ()) if now - at < TRY_SECONDS]
            if len(recent) >= TRIES:
                waits.append(TRY_SECONDS - (now - recent[-TRIES]))
        return max(waits)

    def failed(self, *names: str) -> None:
        now = time.monotonic()
        for name in names:
            self._failed.setdefault(name, []).append(now)
            self._failed[name] = self._failed[name][-TRIES:]
            self._failed.move_to_end(name)
        while len(self._failed) > _WATCHED:
            self._failed.popitem(last=False)
