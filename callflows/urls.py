"""Absolute URLs of our own routes, and the URL the platform must have signed. PUBLIC_URL is the only base:
what a request says of its host (Host, X-Forwarded-*, SCRIPT_NAME) has no influence on either.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from .marks import LINK_CLOSE, LINK_OPEN

_MARK = re.compile(f"{LINK_OPEN}[0-9]+{LINK_CLOSE}")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NOT_IN_URLS = re.compile(r"[^\x21-\x7e]|[\"'<>\\^`{|}]")


def public_url_fault(url: str) -> str:
    """Why `url` cannot be PUBLIC_URL, as the end of a sentence; empty when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a URL: {error}"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an absolute URL such as https://flows.example.com"
    if parts.scheme == "http" and not is_loopback(host):
        return f"must be https: {host} is not this machine, and callers' data would travel in clear"
    if "@" in parts.netloc:
        return "must not contain a user name or password"
    if "?" in url or "#" in url:
        return "must not have a query or a fragment"
    if _NOT_IN_URLS.search(url):
        return "contains a character a URL cannot have; write international host names in punycode"
    return ""


def is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name: 127.0.0.1.example.com is somebody else's
        return False


def step_path(provider: str, flow: str, step: str) -> str:
    return f"/flows/{provider}/{flow}/{step}"


def events_path(provider: str) -> str:
    return f"/events/{provider}"


def with_token(url: str, token: str, fragment: str = "") -> str:
    """`fragment` holds the platform's HTTP settings (`ct=2000&rt=4000`): part of the URL, not of what it signs."""
    return f"{url}?t={token}" + (f"#{fragment}" if fragment else "")


def without_marks(document: str) -> str:
    """A document that is not sealed, for people: `…` for each token."""
    return _MARK.sub("…", document)


class PublicUrls:
    """Builds links below PUBLIC_URL."""

    def __init__(self, public_url: str) -> None:
        self.base = public_url.rstrip("/")
        self.host = (urlsplit(self.base).hostname or "").lower()

    def step(self, provider: str, flow: str, step: str) -> str:
        return self.base + step_path(provider, flow, step)

    def events(self, provider: str) -> str:
        return self.base + events_path(provider)

    def signed(self, raw_target: str) -> str:
        """What the platform signed, from the request target as it arrived (`/flows/p/f/s?t=...`, still encoded).

        A proxy that maps PUBLIC_URL's path prefix away, and one that passes it on, give the same answer.
        """
        raw_target = _ORIGIN.sub("", raw_target, count=1) if not raw_target.startswith("/") else raw_target
        below = raw_target.removeprefix(urlsplit(self.base).path)
        return self.base + (below if below.startswith(("/flows/", "/events/")) else raw_target)
