"""A telephone for tests: people who call, hear, press and speak on a simulated platform, in virtual time.

    phone = Phone(Simulator("plivo", apps={"https://shop.test": app}), WebSite("https://shop.test"))
    call = phone.dial("/answer")
    call.hears("Press 1")
    call.press("1")
    call.is_connected_to("+14155550123")

Whatever says what is or happens (`hears`, `is_connected_to`, ...) lets time run until it is so, and raises `Unmet`, an
AssertionError with the transcript, when it never comes to be.
"""

from __future__ import annotations

from .call import Call
from .phone import Phone
from .sites import Site, WebSite
from .wording import Unmet, abridged

__all__ = ["Call", "Phone", "Site", "Unmet", "WebSite", "abridged"]
