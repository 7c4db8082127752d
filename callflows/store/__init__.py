"""The store's room: journals that a process appends to, the database they are drained into, and what is asked of it.

`Journal` (every serving process) -> `Drain` (the keeper) -> `Store` (SQLite or PostgreSQL).
"""

from .drain import Drain
from .journal import Journal
from .queries import JournalMoved, Store, open_store

__all__ = ["Drain", "Journal", "JournalMoved", "Store", "open_store"]
