"""Exploring a flow: what it does, found by trying it. `walk` tries it, `rules` judge the flow as a whole, `graph`
makes a picture of it. Used by `flows check`, by publishing and by `flows graph`.
"""

from __future__ import annotations

from .graph import graph_of
from .rules import RULES
from .walk import Checked, Exploration, check, explore

__all__ = ["RULES", "Checked", "Exploration", "check", "explore", "graph_of"]
