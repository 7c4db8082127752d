"""python -m bench: the webhook against a bare Flask route and against the official Plivo SDK, in one run.

Each request is signed, has its own caller and call UUID, and so its own document; the rivals take turns, round by
round, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from plivo.utils import signature_v3

from .batching import ROWS, batch
from .checking import check_many
from .load import Sample, measure
from .paging import page_times
from .simulating import simulate
from .storing import MANY, store

HERE = Path(__file__).parent
TOKEN, NONCE = "bench-auth-token-0123456789", "31627761595286130198"
PUBLIC_URL = "https://flows.example.com"
TARGET = "/flows/plivo/greet/answer"
APPS = {
    "bare Flask route": "bench.rivals:bare()",
    "Plivo SDK": "bench.rivals:sdk()",
    "bare, judging": "bench.rivals:judging()",
    "callflows": "callflows:create_app()",
}


def make_requests(count: int) -> list[bytes]:
    made = []
    for number in range(count):
        call = f"{number:08d}-df77-4ebf-8196-d5cf7222c918"
        form = {
            "CallUUID": call,
            "From": f"1415555{number % 10000:04d}",
            "To": "14155550100",
            "CallStatus": "in-progress",
            "Direction": "inbound",
            "Event": "StartApp",
            "ParentAuthID": "MAXXXXXXXXXXXXXXXXXX",
            "SessionStart": "2026-01-05 10:00:00.000000",
        }
        base = signature_v3.construct_post_url(PUBLIC_URL + TARGET, form)
        signature = signature_v3.get_signature_v3(TOKEN, base, NONCE)
        signature = signature.decode() if isinstance(signature, bytes) else signature
        body = urlencode(form)
        made.append(
            f"POST {TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\nX-Plivo-Signature-V3: {signature}\r\n"
            f"X-Plivo-Signature-V3-Nonce: {NONCE}\r\n\r\n{body}".encode()
        )
    return made


def start(app: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    gunicorn = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(HERE.parent / "gunicorn.conf.py"),
        "-b",
        f"127.0.0.1:{port}",
    ]
    return subprocess.Popen([*gunicorn, app], env=environment, cwd=HERE.parent)


def wait_for(port: int, request: bytes) -> None:
    for _ in range(200):
        try:
            if not measure(port, [request], connections=1, seconds=0.01).wrong:
                return
            raise SystemExit(f"the app on port {port} does not answer 200")
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each app in each round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--port", type=int, default=18800)
    parser.add_argument("--transfers", type=int, default=MANY, help="in the store that is compared with a small one")
    parser.add_argument("--rows", type=int, default=ROWS, help="of the batch")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    requests = make_requests(20_000)
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLFLOWS_")} | {
            "CALLFLOWS_PUBLIC_URL": PUBLIC_URL,
            "CALLFLOWS_SECRET_KEYS": "bench-key-0123456789",
            "CALLFLOWS_TEMPLATES": str(HERE / "templates"),
            "CALLFLOWS_STATE_DIR": folder,
            "CALLFLOWS_PLIVO_AUTH_TOKENS": TOKEN,
            "CALLFLOWS_WORKERS": "1",
            "CALLFLOWS_LOG_LEVEL": "WARNING",
        }
        servers = {name: start(app, options.port + n, environment) for n, (name, app) in enumerate(APPS.items())}
        try:
            samples = run(options, requests)
        finally:
            for server in servers.values():
                server.terminate()
            for server in servers.values():
                server.wait(30)
    report(samples, options.json)
    print(check_many())
    print(simulate())
    print(store(options.transfers))
    print(batch(options.rows))
    print(page_times())


def run(options: argparse.Namespace, requests: list[bytes]) -> dict[str, list[Sample]]:
    ports = {name: options.port + n for n, name in enumerate(APPS)}
    for port in ports.values():
        wait_for(port, requests[0])
        measure(port, requests, connections=options.connections, seconds=1.0)  # warm
    samples: dict[str, list[Sample]] = {name: [] for name in APPS}
    for _ in range(options.rounds):
        for name, port in ports.items():
            load = {"connections": options.connections, "seconds": options.seconds}
            samples[name].append(measure(port, requests, **load))
    return samples


def report(samples: dict[str, list[Sample]], file: Path | None) -> None:
    median = {
        name: {
            "rate": statistics.median(s.rate for s in found),
            "p50_ms": statistics.median(s.p50 for s in found),
            "p99_ms": statistics.median(s.p99 for s in found),
            "wrong": sum(s.wrong for s in found),
        }
        for name, found in samples.items()
    }
    bare = median[next(iter(APPS))]["rate"]
    print(f"{'':<18}{'req/s':>9}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}{'not 200':>9}")
    for name, row in median.items():
        row["ratio_to_bare"] = row["rate"] / bare
        print(
            f"{name:<18}{row['rate']:>9.0f}{row['ratio_to_bare']:>8.2f}{row['p50_ms']:>9.2f}{row['p99_ms']:>9.2f}"
            f"{row['wrong']:>9.0f}"
        )
    judged = 1e6 / median["bare, judging"]["rate"] - 1e6 / bare
    print(f"judging a document of ten elements: {judged:.0f} us, {judged * bare / 1e6:.2f} of a bare request")
    print(f"callflows / Plivo SDK: {median['callflows']['rate'] / median['Plivo SDK']['rate']:.2f}")
    if file:
        file.write_text(json.dumps(median, indent=2) + "\n")


if __name__ == "__main__":
    main()
