"""How gunicorn serves callflows: `gunicorn wsgi:app` in a checkout, `callflows serve` anywhere.

Every value with a setting of its own is read from the same table as the rest (CALLFLOWS_BIND, _WORKERS, _THREADS).
"""

from callflows.config import Settings

_settings = Settings.load()

bind = _settings.bind
worker_class = "gthread"
workers = _settings.workers
threads = _settings.threads
preload_app = True  # schemas and flows are compiled once, on one thread; a HUP cannot take the service down
timeout = 30  # liveness of a worker, not a deadline of a request
graceful_timeout = 60
keepalive = 75  # longer than a proxy keeps its side open, so that the proxy closes first
max_requests = 0
forwarder_headers = ""  # nobody may rewrite SCRIPT_NAME or PATH_INFO by a header
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108  (heartbeat files must not wait for a disk)
accesslog = None


def post_worker_init(worker: object) -> None:
    """Start the keeper's guard now instead of at the worker's first request."""
    runtime = getattr(worker.wsgi, "extensions", {}).get("callflows")  # type: ignore[attr-defined]
    if runtime is not None:
        runtime.start_keeper()
