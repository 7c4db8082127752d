"""The platform's REST API. `desk` judges a request (path, key, body, faults) and answers it; each other file holds the
resources of one kind, as a table of routes.
"""

from __future__ import annotations

from .desk import rest

__all__ = ["rest"]
