"""The console: pages for people. `door` lets them in and closes behind them, `looks` is what they see; each other file
has the pages of one subject.
"""

from . import calls, checking, flows, moving, now, rehearsals, signing_in, transfers, versions
from .door import bp

# importing them puts their routes on the blueprint
PAGES = (calls, checking, flows, moving, now, rehearsals, signing_in, transfers, versions)

__all__ = ["PAGES", "bp"]
