"""The platform as an HTTP client: `exchange` asks a web application in virtual time, with retries; `client` makes one
attempt; `signatures` signs it.
"""

from __future__ import annotations

from . import signatures
from .client import Exchange, Fetcher, HttpSettings, from_fragment, kind_of_failure

__all__ = ["Exchange", "Fetcher", "HttpSettings", "from_fragment", "kind_of_failure", "signatures"]
