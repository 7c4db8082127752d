"""The gunicorn door: `gunicorn wsgi:app`."""

from callflows import CallflowsError, create_app

try:
    app = create_app()
except CallflowsError as error:
    raise SystemExit(f"callflows: {error}") from None  # one line for the log, not a traceback
