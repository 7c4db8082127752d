"""The house: a Flask app of our own, or somebody else's with callflows in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import urlsplit

from flask import Flask, Response, redirect

from .api.door import bp as api
from .application import SECONDS, Application, Processors
from .config import Settings
from .console import bp as console
from .runtime import Runtime
from .webhooks import bp as webhooks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

F = TypeVar("F", bound=Callable[..., Any])
# what PUBLIC_URL's path is taken off from
OURS = ("flows/", "events/", "audio/", "healthz", "readyz", "metrics", "api/v1/", "api/openapi.json", "console/")


def create_app(settings: Settings | Mapping[str, Any] | None = None) -> Flask:
    """The app gunicorn serves. `settings` go over the environment's; raise ConfigError when they cannot work."""
    # No template folder: operators' files must never be able to replace a page of ours.
    app = Flask("callflows", template_folder=None, static_folder=None)
    CallFlows(app, settings)
    return app


def create_console() -> Flask:
    """The console alone, for a process of its own: pages for people do not share threads with calls."""
    app = Flask("callflows.console", template_folder=None, static_folder=None)
    runtime = Runtime()
    runtime.configure_logs()
    app.extensions["callflows"] = runtime
    app.register_blueprint(console)
    prefix = urlsplit(runtime.settings.public_url).path
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    app.add_url_rule("/", "home", lambda: redirect(f"{prefix}/console/"))
    if prefix:
        app.wsgi_app = _without_prefix(app.wsgi_app, prefix, console=True)  # type: ignore[method-assign, assignment]
    return app


class CallFlows:
    """Mounts everything in a Flask app: `CallFlows(app)`, or `CallFlows()` and `init_app(app)` later."""

    def __init__(self, app: Flask | None = None, settings: Settings | Mapping[str, Any] | None = None) -> None:
        self._settings = settings
        self._processors = Processors()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        runtime = Runtime(self._settings)
        runtime.configure_logs()
        runtime.prepare_to_serve()
        runtime.application = Application(self._processors, runtime.settings.deadline, app.app_context)
        app.extensions["callflows"] = runtime
        app.register_blueprint(webhooks)
        app.register_blueprint(api)
        if runtime.settings.console:
            app.register_blueprint(console)
        prefix = urlsplit(runtime.settings.public_url).path
        if prefix:
            with_console = runtime.settings.console
            app.wsgi_app = _without_prefix(app.wsgi_app, prefix, console=with_console)  # type: ignore[method-assign, assignment]

    @overload
    def context_processor(self, function: F, /, *, seconds: float = SECONDS) -> F: ...

    @overload
    def context_processor(self, /, *, seconds: float = SECONDS) -> Callable[[F], F]: ...

    def context_processor(self, function: F | None = None, /, *, seconds: float = SECONDS) -> F | Callable[[F], F]:
        """As Flask's: the function's dict gives names that flows declare under [context] (docs/embedding.md). It is
        given a CurrentCall if it takes an argument, and waited for so long. Raise TypeError or ValueError, in words.
        """

        def add(function: F) -> F:
            self._processors.add(function, seconds)
            return function

        return add if function is None else add(function)


def _without_prefix(inner: WSGIApplication, prefix: str, *, console: bool) -> WSGIApplication:
    """PUBLIC_URL may have a path. Most proxies take it off; for those that pass it on we do.

    The console's links have it again: a browser knows its pages by no other path.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if f"{path}/".startswith(tuple(f"{prefix}/{ours}" for ours in OURS)):
            path = path[len(prefix) :]
            environ = {**environ, "PATH_INFO": path}
        if console and f"{path}/".startswith("/console/") and not environ.get("SCRIPT_NAME"):
            environ = {**environ, "SCRIPT_NAME": prefix}
        return inner(environ, start_response)

    return app
