"""Private-use characters that mark something in a document while it is made. Every value from outside has them taken
out (scrub.py), and none leaves the house: nobody but us can write one.
"""

from __future__ import annotations

# What follows in a document that is rendered to be looked at comes from this place in a template:
# PLACE_OPEN index PLACE_CLOSE.
PLACE_OPEN, PLACE_CLOSE = "\ue000", "\ue001"
# A link of ours that is not sealed yet: `...?t=` LINK_OPEN index LINK_CLOSE.
LINK_OPEN, LINK_CLOSE = "\ue002", "\ue003"
# Stands for a value that could not be made, where rendering goes on to find what else is wrong.
UNKNOWN = "\ue004"
