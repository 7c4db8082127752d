"""What a leg does, from ringing to hanging up, and how each XML element is carried out. One file per kind of element.

Everything here is generators that the engine runs (`Steps`); what they do to calls goes through `Platform`.
"""

from __future__ import annotations

from .lives import dialled_leg, inbound_leg, outbound_leg

__all__ = ["dialled_leg", "inbound_leg", "outbound_leg"]
