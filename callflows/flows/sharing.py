"""Which files of `_shared/` belong to a flow: those its templates name, and what those name in turn.

Read from the text, before anything is compiled. Where in doubt more is found than there is, never less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_TAG = re.compile(r"\{%[-+]?\s*(?:include|import|from|extends)\b\s*")
_NAME = re.compile(r"""(?:"([^"\\]*)"|'([^'\\]*)')\s*(?:[-+]?%\}|(?:ignore|with|without|as|import)\b)""")


def belonging(own: Mapping[str, bytes], shared: Mapping[str, bytes]) -> Callable[[str], bool]:
    """Tells of a path such as `_shared/menu.xml` whether it is the flow's too. `own` are the flow's files."""
    named: set[str] = set()
    waiting = [data for path, data in own.items() if path.endswith(".xml")]
    while waiting:
        for name in _named_in(waiting.pop()):
            if name is None:
                return lambda path: True
            if name not in named:
                named.add(name)
                waiting += [shared[name]] if name in shared else []
    return lambda path: path in named or _is_data(path)


def _is_data(path: str) -> bool:
    """Tables, catalogues and audio, which functions look up by names that may be made when rendering."""
    return not path.endswith(".xml")


def _named_in(template: bytes) -> Iterator[str | None]:
    """The names a template includes, imports and extends; None for one that is made when rendering."""
    text = template.decode("utf-8", "replace")
    for tag in _TAG.finditer(text):
        written = _NAME.match(text, tag.end())
        yield (written[1] or written[2] or "") if written else None
