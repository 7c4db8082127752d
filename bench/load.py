"""A load generator that costs little itself: requests are bytes made beforehand, sent over kept-alive connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """`rate` is in requests a second; p50 and p99 are latencies in ms; `wrong` counts answers that were not 200."""

    rate: float
    p50: float
    p99: float
    wrong: int


async def _drive(port: int, requests: Sequence[bytes], first: int, step: int, until: float, out: list[float]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wrong, index = 0, first
    try:
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(requests[index % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            out.append(time.perf_counter() - started)
            wrong += not head.startswith(b"HTTP/1.1 200")
            index += step
    finally:
        writer.close()
    return wrong


async def _run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Sample:
    out: list[float] = []
    started = time.perf_counter()
    drives = [_drive(port, requests, n, connections, started + seconds, out) for n in range(connections)]
    wrong = sum(await asyncio.gather(*drives))
    took = time.perf_counter() - started
    out.sort()
    return Sample(len(out) / took, out[len(out) // 2] * 1000, out[int(len(out) * 0.99)] * 1000, wrong)


def measure(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Sample:
    return asyncio.run(_run(port, requests, connections, seconds))
