"""Our own links in a rendered document: each must be as step_url() and its kin made it, or the platform's request
will not be taken for genuine and its caller is lost.

While a document is judged its links hold placeholders (urls.LINK_OPEN), and who rendered it knows the path each was
made for. A sealed document, or a file of somebody else, has none, and is not held against this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..marks import LINK_CLOSE, LINK_OPEN
from .findings import TEXT, Finding, Node, text_of
from .numbers import SPACE
from .policy import CHECKED, URL_KINDS, origin
from .reading import broken_link

_URL = re.compile(r"[A-Za-z]+://[^/?#]*(?P<path>[^?#]*)")
_TOKEN = re.compile(f"[?]t={LINK_OPEN}([0-9]{{1,9}}){LINK_CLOSE}(?:[&#][^{LINK_OPEN}{LINK_CLOSE}]*)?")
_OURS = ("/flows/", "/events/")
_NAMES = {
    tag: names
    for tag, kinds in CHECKED.items()
    if (names := [name for name, kind in kinds.items() if kind in URL_KINDS])
}


def examine(root: Node, links: Mapping[str, str], public_url: str) -> list[Finding]:
    """`links`: the path each placeholder was made for, by its index."""
    base = _URL.match(public_url)
    if base is None or origin(public_url) is None:
        return []
    found = []
    for element in root.iter(*_NAMES):
        for name in _NAMES[str(element.tag)]:
            value = text_of(element) if name == TEXT else element.get(name)
            if value and _altered(value.strip(SPACE), links, public_url, base["path"].rstrip("/")):
                found.append(
                    Finding(
                        "rule.link-altered",
                        f"{_shown(value.strip(SPACE))} is an address of ours, and not a link that would work",
                        element,
                        name,
                        hint="write {{ step_url(...) }} as it is",
                        fatal=True,
                    )
                )
    return found


def _altered(url: str, links: Mapping[str, str], public_url: str, below: str) -> bool:
    found = _URL.match(url)
    if found is None or origin(url) != origin(public_url):
        return False  # the dial policy's business
    path = found["path"]
    if LINK_OPEN not in url and not (path + "/").startswith(tuple(below + ours for ours in _OURS)):
        return False
    if broken_link(url) >= 0:
        return False  # told where the document was read
    token = _TOKEN.fullmatch(url, found.end())
    return token is None or token[1] not in links or path != below + links[token[1]]


def _shown(url: str) -> str:
    shown = url.replace(LINK_OPEN, "…").replace(LINK_CLOSE, "")
    return shown if len(shown) <= 120 else shown[:120] + "..."
