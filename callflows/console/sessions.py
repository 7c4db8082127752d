"""Who is signed in: a signed cookie with a name and a secret of its own, which forms must bring along (CSRF).

Nothing is kept on the server. A session ends after IDLE_SECONDS without a request, after LONGEST_SECONDS in any case,
and when its person is no longer in CONSOLE_USERS or has another password there.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request, Response, request
from itsdangerous import BadSignature, URLSafeSerializer

from ..config import Settings
from ..people import People, Person, Role
from ..urls import is_loopback

COOKIE = "callflows_console"
IDLE_SECONDS = 8 * 3600
LONGEST_SECONDS = 7 * 24 * 3600
RENEW_SECONDS = 300
TRY_SECONDS = 300  # within which failed sign-ins count together
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
    def by_proxy(self) -> str:
        """The header in which a proxy says who it is, "" where people sign in here."""
        return self._header

    def read(self, request: Request) -> Session | None:
        now = time.time()
        try:
            name, csrf, began, seen, mark = self._signer.loads(request.cookies.get(COOKIE, ""))
            known = isinstance(name, str) and isinstance(csrf, str) and now - began < LONGEST_SECONDS
            known = known and now - seen < IDLE_SECONDS and mark == self.people.mark(name)
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

    def write(self, response: Response, session: Session, path: str) -> None:
        """`path`: below which the browser sends it."""
        now = time.time()
        if now - session.seen >= RENEW_SECONDS:
            name = session.person.name
            value = self._signer.dumps([name, session.csrf, session.began, now, self.people.mark(name)])
            self._set(response, value, IDLE_SECONDS, path)

    def end(self, response: Response, path: str) -> None:
        self._set(response, "", 0, path)

    def _set(self, response: Response, value: str, age: int, path: str) -> None:
        # whoever reaches us on this machine (ssh -L) does so without TLS, whatever PUBLIC_URL says
        secure = self._secure and not is_loopback(urlsplit(f"//{request.host}").hostname or "")
        response.set_cookie(
            COOKIE, value, max_age=age, path=path.rstrip("/"), secure=secure, httponly=True, samesite="Lax"
        )


def is_ours(request: Request, session: Session) -> bool:
    """Whether what is sent comes from a page of this session."""
    given = request.form.get("csrf", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), session.csrf.encode())


def from_elsewhere(request: Request) -> bool:
    """Whether the browser says that another site's page sent it. Old ones do not say."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


class Tries:
    """Failed sign-ins, so that nobody guesses passwords. Of this process: the console runs as one.

    What is counted is given with how often it may be: a stranger must not be able to shut everybody else out.
    """

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, counted: Mapping[str, int]) -> float:
        """Seconds until the next try; 0 for now."""
        now = time.monotonic()
        waits = [0.0]
        with self._lock:
            for name, most in counted.items():
                recent = [at for at in self._failed.get(name, ()) if now - at < TRY_SECONDS]
                if len(recent) >= most:
                    waits.append(TRY_SECONDS - (now - recent[-most]))
        return max(waits)

    def failed(self, counted: Mapping[str, int]) -> None:
        now = time.monotonic()
        with self._lock:
            for name, most in counted.items():
                self._failed[name] = [*self._failed.get(name, ()), now][-most:]
                self._failed.move_to_end(name)
            while len(self._failed) > _WATCHED:
                self._failed.popitem(last=False)
