"""The house: a Flask app of our own, or somebody else's with callflows in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from .config import Settings
from .runtime import Runtime
from .webhooks import bp


def create_app(settings: Settings | Mapping[str, Any] | None = None) -> Flask:
    """The app gunicorn serves. `settings` go over the environment's; raise ConfigError when they cannot work."""
    # No template folder: operators' files must never be able to replace a page of ours.
    app = Flask("callflows", template_folder=None, static_folder=None)
    CallFlows(app, settings)
    return app


class CallFlows:
    """Mounts everything in a Flask app: `CallFlows(app)`, or `CallFlows()` and `init_app(app)` later."""

    def __init__(self, app: Flask | None = None, settings: Settings | Mapping[str, Any] | None = None) -> None:
        self._settings = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        runtime = Runtime(self._settings)
        runtime.prepare_to_serve()
        app.extensions["callflows"] = runtime
        app.register_blueprint(bp)
