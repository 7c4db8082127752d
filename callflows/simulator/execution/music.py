"""What somebody hears who waits for a Dial to be answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import Leg
from ..document import is_http_url
from ..engine import Process, Steps, sleep
from .documents import sound_document
from .turn import hearing

if TYPE_CHECKING:
    from ..platform import Platform


class DialMusic:
    """`dialMusic`: a document carried out in a loop, `none`, or (by default) the ringing of the other side.

    Runs beside the Dial, as a process of its own: its document may take as long as it likes.
    """

    def __init__(self, platform: Platform, leg: Leg, value: str) -> None:
        self.platform, self.leg, self.value = platform, leg, value
        self.ringing_is_heard = value != "none"
        self._process: Process | None = None
        if value not in ("", "real", "none") and not is_http_url(value):
            platform.note(leg, "note", f"dialMusic is not played: {value[:80]!r} is not a URL")
        elif value not in ("", "real", "none"):
            self.ringing_is_heard = False
            self._process = Process(platform.engine, self._play())

    def rings(self) -> None:
        """The other side does; of several, the first one is heard."""
        if self.ringing_is_heard:
            self.ringing_is_heard = False
            self.platform.note(self.leg, "ring", "hears it ring")

    def stop(self) -> None:
        self.ringing_is_heard = False
        if self._process is not None and not self._process.done:
            self._process.stop()

    def _play(self) -> Steps[None]:
        platform, leg, clock = self.platform, self.leg, self.platform.clock
        elements = yield from sound_document(platform, leg, "dialMusic", self.value)
        again = False
        while True:
            since = clock.now()
            for element in elements:
                with hearing(platform, leg, element, again=again) as seconds:
                    yield from sleep(platform.engine, seconds)
            if clock.now() - since < 1e-9:  # nothing that takes any time
                platform.note(leg, "ring", "hears it ring")
                return
            if not again:
                platform.note(leg, "note", "hears this again and again while it rings")
            again = True
