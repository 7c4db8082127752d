"""The gunicorn door: `gunicorn wsgi:app`."""

from callflows import create_app

app = create_app()
