"""The store's room: journals that a process appends to, the database they are drained into, and what is asked of it.

`Journal` (every serving process) -> `Drain` (the keeper) -> `Store` (SQLite or PostgreSQL).
"""

from .admission import Admission
from .drain import Drain
from .journal import Journal
from .migrate import UPGRADE_HINT, Upgrade
from .pruning import Pruned
from .queries import JournalMoved, Store, open_store
from .schema import SCHEMA_VERSION

__all__ = [
    "SCHEMA_VERSION",
    "UPGRADE_HINT",
    "Admission",
    "Drain",
    "Journal",
    "JournalMoved",
    "Pruned",
    "Store",
    "Upgrade",
    "open_store",
]
