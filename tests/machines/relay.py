"""A TCP relay that can fail: a load balancer before the servers, and what lies between them and their database."""

from __future__ import annotations

import contextlib
import itertools
import math
import socket
import struct
import threading
import time

SHUNNED_S = 1.0
FAULTS = ("refused", "reset", "silent")
_RESET = struct.pack("ii", 1, 0)  # close at once, and say so to the other end


class Relay:
    """Of several `targets` each connection goes to the next that takes it, as with a load balancer; one that has just
    broken a connection comes last for a second.
    """

    def __init__(self, *targets: tuple[str, int]) -> None:
        self._targets = targets
        self._turns = itertools.count()
        self._broke = dict.fromkeys(targets, -math.inf)
        self._flowing = threading.Event()
        self._flowing.set()
        self._resets = False
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._listen()

    def fail(self, fault: str) -> None:
        """`refused`: nobody listens any more; `reset`: each connection breaks once it is made; both break those there
        are. `silent`: connections stay and are made, and nothing gets through.
        """
        assert fault in FAULTS
        if fault == "silent":
            self._flowing.clear()
            return
        if fault == "refused":
            # a blocked accept() would keep the port open until the next caller
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._resets = True
        self._break_all()

    def mend(self) -> None:
        """What a silent relay has held back gets through now."""
        self._resets = False
        self._flowing.set()
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._listen()

    def close(self) -> None:
        self._resets = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self._break_all()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), name="relay", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), name="relay", daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flowing.wait()
        target, server = (None, None) if self._resets else self._server()
        if target is None or server is None:
            _break(client)
            client.close()
            return
        pair = (client, server)
        with self._lock:
            self._ends.update(pair)

        def answer() -> None:
            if not self._pass(server, client):
                self._broke[target] = time.monotonic()

        back = threading.Thread(target=answer, name="relay", daemon=True)
        back.start()
        self._pass(client, server)
        back.join()
        with self._lock:
            self._ends.difference_update(pair)
        for end in pair:
            end.close()

    def _server(self) -> tuple[tuple[str, int], socket.socket] | tuple[None, None]:
        turn, now = next(self._turns) % len(self._targets), time.monotonic()
        in_turn = self._targets[turn:] + self._targets[:turn]
        for target in sorted(in_turn, key=lambda each: now - self._broke[each] < SHUNNED_S):
            with contextlib.suppress(OSError):
                return target, socket.create_connection(target, 5)
        return None, None

    def _pass(self, source: socket.socket, sink: socket.socket) -> bool:
        """Until the source ends; whether anything came, and it ended properly."""
        came = False
        try:
            source.settimeout(None)
            while data := source.recv(65536):
                came = True
                self._flowing.wait()
                sink.sendall(data)
        except OSError:  # a reset is passed on as one
            _break(sink)
            return False
        self._flowing.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        return came

    def _break_all(self) -> None:
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            _break(end)


def _break(end: socket.socket) -> None:
    """The thread that reads from it wakes up and closes it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
