"""The platform as an HTTP client: `exchange` asks a web application in virtual time, with retries; `client` makes one
attempt, over the network or, with `in_process`, without; `signatures` signs it; `faults` is what goes wrong on the way.
"""

from __future__ import annotations

from . import signatures
from .client import Exchange, Fetcher, HttpSettings, from_fragment, kind_of_failure
from .in_process import App, origin

__all__ = ["App", "Exchange", "Fetcher", "HttpSettings", "from_fragment", "kind_of_failure", "origin", "signatures"]
