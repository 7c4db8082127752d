"""A server with two workers, callers who never stop, and an operator who saves: good sets, broken ones, halves."""

from __future__ import annotations

import http.client
import itertools
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import sqlalchemy

from callflows import documents

from ..conftest import PLIVO_TOKEN, SIGN, VOBIZ_TOKEN
from ..house import Gunicorn, command, wait_until
from ..machines.load import Connection
from . import line, ways

LIVE_SECONDS = 1.0  # within which every good save must be heard, from every worker
NUMBER = re.compile(r"\bset (\d+)\b")
ANSWER, TURN = "/flows/{}/line/answer", "/flows/{}/line/turn"


@dataclass
class Heard:
    """What one caller heard. `sets`: of each answer when it was asked for, the number of its set."""

    sets: list[tuple[float, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


class Asker:
    """One connection that is kept alive, and so one worker."""

    def __init__(self, port: int, provider: str, public_url: str) -> None:
        self._connection = Connection(port, 10.0)
        self._provider, self._public_url = provider, public_url
        self.asked = 0

    def worker(self) -> int:
        """Process id of who answers on this connection."""
        _, _, body = self._connection.ask("GET", "/readyz", b"", {})
        found = re.search(rb'"pid": (\d+)', body)
        assert found is not None
        return int(found[1])

    def ask(self, target: str, call: str) -> ElementTree.Element:
        """The document; AssertionError for one that is not as it must be."""
        form = [("CallUUID", call), ("From", "14155550101"), ("To", "14155550100"), ("Direction", "inbound")]
        headers = SIGN[self._provider](self._public_url + target, form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, kind, body = self._connection.ask("POST", target, urlencode(form).encode(), headers)
        self.asked += 1
        assert (status, kind) == (200, "application/xml; charset=utf-8"), (status, kind, body)
        verdict = documents.judge_bytes(body, self._provider, native=True)
        assert verdict.ok, (verdict.problems, body)
        return ElementTree.fromstring(body)

    def number(self, target: str, call: str) -> tuple[int, str]:
        """The number that every part of the answer bears, and where it leads."""
        document = self.ask(target, call)
        numbers = NUMBER.findall("".join(document.itertext()))
        assert len(numbers) == (3 if "answer" in target else 2), ElementTree.tostring(document)
        assert len(set(numbers)) == 1, f"from half a set: {ElementTree.tostring(document)!r}"
        return int(numbers[0]), (document.findtext("Redirect") or "").removeprefix(self._public_url).partition("#")[0]

    def close(self) -> None:
        self._connection.close()


class Caller(threading.Thread):
    """One call of two steps after the other."""

    def __init__(self, asker: Asker, provider: str, pause: float) -> None:
        super().__init__(name="caller", daemon=True)
        self.heard = Heard()
        self.asker, self._provider, self._pause = asker, provider, pause
        self._ending = threading.Event()

    def end(self) -> Heard:
        self._ending.set()
        self.join(30)
        self.asker.close()
        return self.heard

    def run(self) -> None:
        while not self._ending.is_set() and len(self.heard.wrong) < 5:
            call, target = str(uuid.uuid4()), ANSWER.format(self._provider)
            for _ in range(2):
                started = time.monotonic()
                try:
                    number, target = self.asker.number(target, call)
                    self.heard.sets.append((started, number))
                except (AssertionError, OSError, http.client.HTTPException, ElementTree.ParseError) as error:
                    self.heard.wrong.append(f"{target}: {error!r}")
                self.heard.slowest = max(self.heard.slowest, time.monotonic() - started)
                self._ending.wait(self._pause)


@dataclass
class Saved:
    """A good save: its number, when its last file was there, and when the last worker served it."""

    number: int
    kind: str
    at: float
    live: float


class Trial:
    def __init__(self, folder: Path, *, seed: int, callers: int, pause: float, others: int = 0) -> None:
        self.random = random.Random(seed)
        self.templates = folder / "templates"
        self.numbers = itertools.count(2)
        self.good: list[Saved] = []
        self.kinds: dict[str, int] = {}
        self.others = [f"ivr{number}" for number in range(others)]
        self.others_took: list[float] = []
        line.write(self.templates, {**line.a_set(1), **line.blocks(1)})
        for name in self.others:
            line.write(self.templates, line.ivr(name))
        self.server = Gunicorn(
            {
                "SECRET_KEYS": "key-of-tests-0123456789",
                "TEMPLATES": self.templates,
                "STATE_DIR": folder / "state",
                "PLIVO_AUTH_TOKENS": PLIVO_TOKEN,
                "VOBIZ_AUTH_TOKENS": VOBIZ_TOKEN,
                "DIAL_ALLOW": "+14155550100",
                "LOG_LEVEL": "ERROR",
            },
            folder / "gunicorn.log",
        )
        self.database = f"sqlite:///{folder / 'state' / 'callflows.db'}"
        self._callers = [(("plivo", "vobiz")[number % 2], pause) for number in range(callers)]

    def __enter__(self) -> Trial:
        self.server.start()
        pids = set(self.server.workers())
        wait_until(lambda: self.server.ready()["status"] == "ok", what="the keeper's first word")
        self.watchers: dict[int, Asker] = {}
        while self.watchers.keys() != pids:  # one connection to each worker
            asker = self._asker("plivo")
            if asker.worker() in self.watchers:
                asker.close()
            else:
                self.watchers[asker.worker()] = asker
        self.callers = [Caller(self._asker(provider), provider, pause) for provider, pause in self._callers]
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for caller in self.callers:
            caller.end()
        for watcher in self.watchers.values():
            watcher.close()
        self.server.stop()

    def _asker(self, provider: str) -> Asker:
        return Asker(self.server.port, provider, self.server.url)

    # what an operator does

    def good_set(self) -> None:
        """All files of a set, in any order, each in a way of its own, within the time that makes them one save."""
        self._write(next(self.numbers), "good set")

    def broken(self) -> None:
        """A set with a mistake in one of its files; the next save mends it."""
        number = next(self.numbers)
        files = line.a_set(number)
        path = self.random.choice(sorted(files))
        mistake = self.random.choice(["{% if %}", "{{ nothing_of_the_kind }}", "<Spaek>x</Spaek>", "</Speak>"])
        text = files[path]
        files[path] = text.replace("{% endmacro", f"{mistake}{{% endmacro") if path == line.SHARED else (
            text.replace("</Response>", f"{mistake}</Response>") if "</Response>" in text else text + mistake
        )  # fmt: skip
        self._save(files)
        self._note("broken")
        self._stays_stale()

    def truncated(self) -> None:
        """One file is cut in the midst of an element and stays so for a while; the rest of the set is there."""
        number = next(self.numbers)
        files = line.a_set(number)
        path = self.random.choice(sorted(files))
        inside = [match.end() for match in re.finditer(r"<Speak>\w+|set \d", files[path])]
        cut = files[path][: self.random.choice(inside)]
        self._save({**files, path: cut})
        self._stays_stale()
        ways.in_place(self.templates / path, files[path])
        self._confirm(Saved(number, "truncated", time.monotonic(), 0))

    def emptied(self) -> None:
        """The part loses all its text, which would be valid, and gets its new one after longer than a save takes."""
        number = next(self.numbers)
        (self.templates / line.PART).write_text("")
        time.sleep(self.random.uniform(0.35, 0.8))
        self._write(number, "emptied")

    def other_flows(self) -> None:
        """A shared file that all the other flows use, and not this one."""
        number = next(self.numbers)
        self._save(line.blocks(number))
        saved, waiting = time.monotonic(), [(name, asker) for name in self.others for asker in self.watchers.values()]
        while waiting:
            assert time.monotonic() < saved + 60, f"blocks {number} are not live in {waiting}"
            waiting = [(name, asker) for name, asker in waiting if f"Blocks {number}:" not in _words(asker, name)]
        self.others_took.append(round(time.monotonic() - saved, 3))
        self._note("shared by all others")

    def back_by_hand(self) -> None:
        """To the version before: every worker serves it with its next request, whatever is saved beside it."""
        before, last = self.good[-2:]
        done = command(self.server.values, "flows", "publish", "line", "--back")
        assert done.returncode == 0, done.stderr
        assert self._served() == {before.number}
        line.write(self.templates, {"beside/aleg.xml": "<Response><Wait/></Response>"})
        wait_until(lambda: self.server.ready()["flows"] == 2 + len(self.others), what="the flow beside it")
        assert self._served() == {before.number} != {last.number}
        assert self.server.ready()["flow_states"]["line"]["state"] == "held"
        self.good_set()
        assert self.server.ready()["flow_states"] == {}

    def _served(self) -> set[int]:
        return {asker.number(ANSWER.format("plivo"), str(uuid.uuid4()))[0] for asker in self.watchers.values()}

    # how

    def _write(self, number: int, kind: str) -> None:
        self._save(line.a_set(number))
        self._confirm(Saved(number, kind, time.monotonic(), 0))

    def _save(self, files: dict[str, str]) -> None:
        paths = sorted(files)
        self.random.shuffle(paths)
        for path in paths:
            self.random.choice(ways.ONE_FILE)(self.templates / path, files[path])
            if path != paths[-1]:
                time.sleep(self.random.uniform(0, 0.06))

    def _confirm(self, saved: Saved) -> None:
        """Every worker serves it, or the trial fails."""
        self._note(saved.kind)
        waiting = dict(self.watchers)
        until = saved.at + 10
        while waiting:
            assert time.monotonic() < until, f"set {saved.number} ({saved.kind}) is not live after 10 s"
            for pid, asker in list(waiting.items()):
                number, _ = asker.number(ANSWER.format("plivo"), str(uuid.uuid4()))
                if number == saved.number:
                    del waiting[pid]
            time.sleep(0.005)
        saved.live = time.monotonic()
        self.good.append(saved)

    def _stays_stale(self) -> None:
        """It is said to be so, and goes on to be for a moment."""
        wait_until(lambda: self.server.ready()["flow_states"].get("line", {}).get("state") == "stale", what="stale")
        time.sleep(self.random.uniform(0, 0.2))

    def _note(self, kind: str) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def run(self, saves: Iterable[Callable[[Trial], None]]) -> None:
        """These, in any order, and a good one at the end."""
        chosen = list(saves)
        self.random.shuffle(chosen)
        for save in chosen:
            save(self)
        self.good_set()

    def verdict(self) -> dict[str, Any]:
        """Nothing invalid, nothing from half a set, nothing lost, nothing late; what it was that was found out."""
        heard = [caller.end() for caller in self.callers]
        assert [wrong for each in heard for wrong in each.wrong] == []
        known = {1, *(saved.number for saved in self.good)}
        answers = [answer for each in heard for answer in each.sets]
        assert {number for _, number in answers} <= known, "a set was served that was never good"
        for saved in self.good:
            older = [number for at, number in answers if at > saved.live and number < saved.number]
            assert older == [], f"set {saved.number} was live, and then {older} again"
        took = sorted((saved.live - saved.at, saved.kind) for saved in self.good)
        return {
            "saves": self.kinds,
            "answers": len(answers),
            "slowest answer": round(max(each.slowest for each in heard), 3),
            "live within, slowest": (round(took[-1][0], 3), took[-1][1]),
            "live within, median": round(took[len(took) // 2][0], 3),
            "all others live within": sorted(self.others_took),
        }

    def lost(self) -> int:
        """How many answers are not in the store in the end."""
        self.server.stop()
        asked = sum(asker.asked for asker in (*self.watchers.values(), *(caller.asker for caller in self.callers)))
        engine = sqlalchemy.create_engine(self.database)
        with engine.connect() as connection:
            count: int = connection.execute(sqlalchemy.text("SELECT count(*) FROM callflows_exchanges")).scalar_one()
        engine.dispose()
        return asked - count


def _words(asker: Asker, flow: str) -> str:
    return "".join(asker.ask(f"/flows/plivo/{flow}/answer", str(uuid.uuid4())).itertext())
