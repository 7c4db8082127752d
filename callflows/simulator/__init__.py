"""A simulated telephony platform, Plivo or Vobiz: REST API, calls, XML execution, signed webhooks, in virtual time.

    with serve(Simulator("plivo")) as server:
        ...  # point an SDK, or curl, at server.url; steer it under server.url + "/-/sim/"

A stranger to the rest of the package: imports nothing from it, and is reached over HTTP only, like the real thing.
"""

from __future__ import annotations

from .server import AUTH_TOKEN, Server, Simulator, serve
from .switches import Switches

__all__ = ["AUTH_TOKEN", "Server", "Simulator", "Switches", "serve"]
