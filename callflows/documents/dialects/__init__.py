"""What differs between platforms, as far as documents go. A platform is one module here, one XSD in `schemas/`, and
one line in DIALECTS; nothing else in this room knows its name.

Authors write Plivo's vocabulary (AUTHORED). A dialect turns a document of it into the platform's own: with tables, and
the machinery of `converting`, which knows no platform. `elsewhere` says what to write for other platforms' elements.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import plivo, vobiz
from .contract import AUTHORED, Convert, Dialect

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (plivo.DIALECT, vobiz.DIALECT)}

__all__ = ["AUTHORED", "DIALECTS", "Convert", "Dialect"]
