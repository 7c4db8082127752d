"""The parameters of every request the platforms make, as their documents and captured requests have them: `standard`
for what all carry, and a file for what each kind of element adds.
"""

from __future__ import annotations

from .dial import DialOutcome, dial_digits, dial_event
from .standard import Callbacks, clean

__all__ = ["Callbacks", "DialOutcome", "clean", "dial_digits", "dial_event"]
