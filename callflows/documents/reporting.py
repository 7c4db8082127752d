"""A Dial or Conference whose author asks for no news of it is given an address of ours to report to: the platform tells
there whom it dials, who answers and how that ends, and runs nothing of the answer. `action` is never added, as its
answer would be what the caller hears next.
"""

from __future__ import annotations

import re

from .findings import Node

_VERBS = ("Dial", "Conference")
_ANY = re.compile("<(?:Dial|Conference)[\\s/>]")


def may_report(text: str) -> bool:
    """Whether `text` may hold one. Looks at the text only, so that equal documents are given equally many links."""
    return _ANY.search(text) is not None


def report_to(root: Node, url: str) -> bool:
    """Changes the tree in place, and says whether. What the author wrote stays, an empty callbackUrl too: the grammar
    tells of that one."""
    silent = [verb for verb in root.iterchildren(*_VERBS) if "callbackUrl" not in verb.attrib]
    if root.tag != "Response" or not silent:
        return False
    for verb in silent:
        verb.set("callbackUrl", url)
        if "callbackMethod" not in verb.attrib:
            verb.set("callbackMethod", "POST")
    return True
