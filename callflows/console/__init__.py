"""The console: pages for people. `door` lets them in and closes behind them, `looks` is what they see; each other file
has the pages of one subject.
"""

from . import now, signing_in
from .door import bp

PAGES = (now, signing_in)  # importing them puts their routes on the blueprint

__all__ = ["PAGES", "bp"]
