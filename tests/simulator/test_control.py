"""The controls under /-/sim/, the clock's modes, faults, transcripts, and the Python door."""

from __future__ import annotations

import ast
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from werkzeug.wrappers import Request

import callflows.simulator
from callflows.simulator import Simulator, Switches, serve
from callflows.simulator.transcript import Entry

from .conftest import AGENT, CALLER, LINE, Phone, Web


def conversation(phone: Phone, web: Web) -> str:
    phone.number(AGENT, hangs_up_after=30)
    dial = f"<Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>"
    return phone.call(web.xml("/answer", f"<Speak>Please hold the line now.</Speak>{dial}<Speak>Bye.</Speak>"))


def test_time_stands_still_until_it_is_moved(phone: Phone, web: Web) -> None:
    conversation(phone, web)
    assert phone.control("GET", "clock") == {"now": 0.0, "time": "2026-01-05T10:00:00+00:00", "mode": "manual"}
    phone.advance(4.5)
    assert not phone.entries("connect")
    phone.advance(0.5)
    assert [entry["at"] for entry in phone.entries("connect")] == [5.0, 5.0]
    phone.advance(100)
    assert phone.entries("hangup")[0]["at"] == 35.0
    assert phone.control("GET", "clock")["now"] == 105.0


def test_running_until_nothing_goes_on(phone: Phone, web: Web) -> None:
    phone.call(web.xml("/hold", "<Wait length='10'/><Redirect>{web}/hold</Redirect>"))
    assert phone.run(100)["idle"] is False
    assert phone.control("GET", "clock")["now"] == 100.0
    phone.control("POST", "reset")
    conversation(phone, web)
    assert phone.run()["idle"] is True


def test_automatic_time_runs_a_call_to_its_end_at_once(start: Callable[..., Phone], web: Web) -> None:
    phone = start("plivo", clock="auto")
    uuid = conversation(phone, web)
    assert phone.ended(uuid)[0] == 4010
    assert phone.control("GET", "clock")["now"] == 36.0


def test_automatic_time_does_not_hurry_towards_limits(start: Callable[..., Phone], web: Web) -> None:
    phone = start("plivo", clock="auto")
    phone.call(web.xml("/answer", f"<Dial><Number>{AGENT}</Number></Dial>"))
    assert phone.leg(phone.b_leg())["state"] == "in-progress"  # talking, until somebody does something
    phone.advance(20_000)
    assert {entry["code"] for entry in phone.entries("hangup")} == {6000}


def test_real_time(start: Callable[..., Phone], web: Web) -> None:
    phone = start("plivo", clock="real", switches={"words_per_second": 1000})
    phone.number(AGENT, after=0.2)
    began = time.monotonic()
    phone.call(web.xml("/answer", f"<Speak>Hello</Speak><Dial><Number>{AGENT}</Number></Dial>"))
    while len(phone.entries("connect")) < 2 and time.monotonic() - began < 10:
        time.sleep(0.05)
    assert time.monotonic() - began >= 1.1
    assert phone.entries("connect")[0]["at"] >= 1.15
    phone.control("POST", "clock", {"mode": "manual"})
    stopped = phone.control("GET", "clock")["now"]
    time.sleep(0.05)
    assert phone.control("GET", "clock")["now"] == stopped


def test_in_real_time_a_slow_page_holds_nobody_else_up(start: Callable[..., Phone], web: Web) -> None:
    phone, another_came = start("plivo", clock="real"), threading.Event()

    def slow(request: Request) -> str:
        """Waits for what only happens if other calls go on."""
        return f"<Response><Speak>{'Met.' if another_came.wait(20) else 'Alone.'}</Speak></Response>"

    def fast(request: Request) -> str:
        another_came.set()
        return "<Response><Speak>Quick.</Speak></Response>"

    web.pages |= {"/slow": slow, "/fast": fast}
    phone.call(f"{web.url}/slow")
    phone.call(f"{web.url}/fast")
    until = time.monotonic() + 25
    while not {'hears "Met."', 'hears "Quick."'} <= set(phone.texts("hear")) and time.monotonic() < until:
        time.sleep(0.02)
    assert 'hears "Met."' in phone.texts("hear")


def test_in_real_time_a_call_may_be_moved_while_its_document_is_fetched(start: Callable[..., Phone], web: Web) -> None:
    phone, moved = start("plivo", clock="real"), threading.Event()

    def slow(request: Request) -> str:
        moved.wait(20)
        return "<Response><Speak>Too late.</Speak></Response>"

    web.pages["/slow"] = slow
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/slow</Redirect>"))
    until = time.monotonic() + 20
    while not web.at("/slow") and time.monotonic() < until:
        time.sleep(0.02)
    assert (
        phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Moved.</Speak><Wait length='60'/>")).status_code == 202
    )
    while 'hears "Moved."' not in phone.texts("hear") and time.monotonic() < until:
        time.sleep(0.02)
    moved.set()
    time.sleep(0.2)
    assert phone.texts("hear") == ['hears "Hi"', 'hears "Moved."']
    assert any("the leg did not wait for the answer" in text for text in phone.texts("fetch"))


def test_the_same_seed_gives_the_same_transcript(start: Callable[..., Phone], web: Web) -> None:
    def story(seed: int) -> tuple[str, list[dict[str, Any]]]:
        phone = start("plivo", seed=seed)
        uuid = conversation(phone, web)
        phone.run(8)
        phone.transfer(uuid, legs="both", aleg_url=web.xml("/a", "<Speak>A</Speak>"), bleg_url=web.xml("/b", ""))
        phone.run()
        return phone.transcript(), phone.entries()

    first, second = story(7), story(7)
    assert first == second
    assert story(8)[1] != first[1]


def test_the_transcript_reads_like_a_story(vobiz: Phone, web: Web) -> None:
    vobiz.number(AGENT, hangs_up_after=30)
    conversation(vobiz, web)
    vobiz.run()
    lines = vobiz.transcript().splitlines()
    wanted = [
        "     0.0s  A leg  +14155550101     calls +14155550100",
        "     0.0s  A leg  +14155550101     POST /answer -> 200 (146 bytes)  [StartApp]",
        "     0.0s  A leg  +14155550101     is answered",
        '     0.0s  A leg  +14155550101     hears "Please hold the line now."',
        "     2.0s  A leg  +14155550101     dials +14155550123",
        "     2.0s  B leg  +14155550123     rings",
        "     2.0s  A leg  +14155550101     hears it ring",
        "     5.0s  B leg  +14155550123     answers",
        "     5.0s  A leg  +14155550101     is connected to +14155550123",
        "     5.0s  B leg  +14155550123     is connected to +14155550101",
        "    35.0s  B leg  +14155550123     hung up: Normal Hangup (4000, Callee)",
        "    35.0s  A leg  +14155550101     hung up: End Of XML Instructions (4010, Vobiz)",
        "    35.0s  A leg  +14155550101     POST /answer -> 200 (146 bytes)  [Hangup]",
    ]
    assert lines == wanted
    entry = vobiz.entries("connect")[0]
    assert set(entry) >= {"at", "call_uuid", "leg", "number", "kind", "text", "connected_to"}
    assert vobiz.entries("fetch")[0]["text"] == f"POST {web.url}/answer -> 200 (146 bytes)  [StartApp]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST http://127.0.0.1:8000/a/b?t=x&c=1#ct=2000&rp=all -> 200", "POST /a/b?t=…&c=1 -> 200"),
        ("aleg_url=https://localhost/a?t=x legs=aleg -> 202", "aleg_url=/a?t=… legs=aleg -> 202"),
        ("http://[::1]:8000/a http://127.8.9.1/b#c", "/a /b"),
        ("POST https://flows.example.com/a#ct=1 -> 200", "POST https://flows.example.com/a#ct=1 -> 200"),
        ("http://127.0.0.1.example.com/a#b", "http://127.0.0.1.example.com/a#b"),
        ("http://localhost.example.com/a http://127.0.0.1:80", "http://localhost.example.com/a http://127.0.0.1:80"),
    ],
)
def test_a_url_of_this_machine_is_shown_as_its_path(text: str, shown: str) -> None:
    entry = Entry(0.0, "u", "A", "1", "note", text)
    assert entry.as_text().endswith(f"  {shown}")
    assert entry.as_dict()["text"] == text


def test_one_event_is_one_line_whatever_was_said(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='9'/>"))
    phone.control("POST", f"calls/{uuid}/say", {"speech": "two\nlines\u2028\ud800"})
    assert len(phone.transcript().splitlines()) == len(phone.entries())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "clock", {}),
        ("POST", "clock", {"advance": "soon"}),
        ("POST", "clock", {"advance": -1}),
        ("POST", "clock", {"advance": True}),
        ("POST", "clock", {"mode": "fast"}),
        ("POST", "clock", {"mode": ["auto"]}),
        ("POST", "clock", {"run": True, "limit": "x"}),
        ("POST", "clock", {"speed": 2}),
        ("POST", "calls", {}),
        ("POST", "calls", {"from": CALLER, "to": LINE}),
        ("POST", "calls", {"from": CALLER, "to": LINE, "answer_url": "x"}),
        ("POST", "calls", {"from": 1, "to": LINE, "answer_url": "https://e.com"}),
        ("POST", "calls", {"from": CALLER, "to": LINE, "answer_url": "https://e.com", "direction": "up"}),
        ("POST", "calls", {"from": CALLER, "to": LINE, "answer_url": "https://e.com", "direction": []}),
        ("PUT", "numbers/1", {"behaviour": "sleeps"}),
        ("PUT", "numbers/1", {"behaviour": {}}),
        ("PUT", "numbers/1", {"after": "x"}),
        ("PUT", "numbers/1", {"keys": "1"}),
        ("PUT", "numbers/1", {"keys": [[1]]}),
        ("PUT", "numbers/1", {"keys": [[1, "x"]]}),
        ("PUT", "numbers/1", {"says": [["a", "b"]]}),
        ("PUT", "numbers/1", {"colour": "red"}),
        ("PUT", "numbers/abc", {"behaviour": "busy"}),
        ("PUT", "numbers/+", {"behaviour": "busy"}),
        ("PUT", "numbers/1234567890123456", {"behaviour": "busy"}),
        ("PUT", "numbers/١٢٣", {"behaviour": "busy"}),
        ("PUT", "numbers/sip:", {"behaviour": "busy"}),
        ("PATCH", "switches", {"other_leg": "flies"}),
        ("PATCH", "switches", {"other_leg": []}),
        ("PATCH", "switches", {"unheard_of": 1}),
        ("PATCH", "switches", {"transfer_limit": "many"}),
        ("PATCH", "switches", {"words_per_second": 0}),
        ("POST", "faults", {"rest": "earthquake"}),
        ("POST", "faults", {"rest": []}),
        ("POST", "faults", {"rest": "429", "count": 0}),
        ("GET", "transcript?format=pdf", None),
        ("POST", "clock", ["advance"]),
    ],
    ids=str,
)
def test_bad_input_is_a_400_that_says_why(plivo: Phone, method: str, path: str, body: Any) -> None:
    reply = plivo.http.request(method, f"/-/sim/{path}", json=body)
    assert reply.status_code == 400
    assert list(reply.json()) == ["error"]
    assert reply.json()["error"]


def test_calls_that_are_not_there(plivo: Phone, web: Web) -> None:
    for route in ("press", "say", "hangup"):
        body = {"digits": "1"} if route == "press" else {"speech": "x"} if route == "say" else None
        assert plivo.http.post(f"/-/sim/calls/nobody/{route}", json=body).status_code == 404
        ended = plivo.call(web.xml("/answer", "<Hangup/>"))
        assert plivo.http.post(f"/-/sim/calls/{ended}/{route}", json=body).status_code == 400
    assert plivo.http.get("/-/sim/nothing").json()["error"].startswith("no control route")
    assert plivo.http.post("/-/sim/clock", content=b"{").status_code == 400


def test_reset_is_a_fresh_start(phone: Phone, web: Web) -> None:
    before = conversation(phone, web)
    phone.switch(other_leg="keeps-flow", play_seconds=1)
    phone.advance(6)
    phone.control("POST", "reset")
    assert phone.entries() == phone.control("GET", "calls") == phone.control("GET", "requests") == []
    assert phone.control("GET", "numbers") == {}
    assert phone.control("GET", "switches") == Switches.for_provider(phone.simulator.provider).as_dict()
    assert phone.control("GET", "clock")["now"] == 0.0
    assert conversation(phone, web) == before


def test_requests_are_kept_without_secrets(phone: Phone) -> None:
    phone.rest("POST", "Call/x/", {"aleg_url": "https://e.com/", "auth_token": "s3cret", "legs": "aleg"})
    (entry,) = phone.control("GET", "requests")
    assert (entry["method"], entry["status"]) == ("POST", 404)
    assert entry["body"] == {"aleg_url": "https://e.com/", "auth_token": "(redacted)", "legs": "aleg"}


def test_a_fault_never_fetches(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='100'/>"))
    phone.control("POST", "faults", {"rest": "never-fetch"})
    url = web.xml("/aleg", "<Speak>Moved</Speak>")
    assert phone.rest("GET", "Call/?status=live").status_code == 200  # does not use the fault up
    assert phone.transfer(uuid, aleg_url=url).status_code == 202
    phone.advance(10)
    assert not web.at("/aleg")
    phone.transfer(uuid, aleg_url=url)
    phone.advance(0)
    assert len(web.at("/aleg")) == 1


def test_a_fault_answers_too_late(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='100'/>"))
    phone.control("POST", "faults", {"rest": "timeout", "seconds": 30})
    with pytest.raises(httpx2.ReadTimeout):
        phone.rest("POST", f"Call/{uuid}/", {"aleg_url": web.xml("/aleg", "<Wait/>")}, timeout=0.3)
    phone.advance(0)
    assert len(web.at("/aleg")) == 1


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("html-502", 502)])
def test_a_fault_refuses(phone: Phone, web: Web, fault: str, status: int) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='100'/>"))
    phone.control("POST", "faults", {"rest": fault, "count": 2})
    url = web.xml("/aleg", "<Wait/>")
    assert [phone.transfer(uuid, aleg_url=url).status_code for _ in range(3)] == [status, status, 202]
    phone.advance(0)
    assert len(web.at("/aleg")) == 1


def test_every_switch_has_values_a_default_and_a_reason() -> None:
    table = Switches.explain()
    for name, entry in table.items():
        assert entry["why"], name
        values = entry["values"]
        defaults = [entry["default"], *entry["per_provider"].values()]
        assert isinstance(values, list), name
        assert values[0] == entry["default"], name
        assert len(values) >= 2, name
        numeric = "a number" in values
        assert numeric or set(defaults) <= set(values), name
        for value in [values[0], 3] if numeric else values:
            assert getattr(Switches.for_provider("plivo", {name: value}), name) == value


def test_the_docs_table_is_the_codes_own() -> None:
    page = (Path(__file__).parents[2] / "docs/simulator.md").read_text()
    for name, entry in Switches.explain().items():
        values = ", ".join("a number" if value == "a number" else f"`{value}`" for value in entry["values"])
        vobiz = "".join(f"`{value}`" for value in entry["per_provider"].values())
        assert f"| `{name}` | {values} | {vobiz} | {entry['why']} |\n" in page


@pytest.mark.parametrize("number", ["+14155550123", "14155550123", "911", "+1 (415) 555-0123", "sip:ann@example.com"])
def test_who_can_be_given_a_behaviour(plivo: Phone, number: str) -> None:
    plivo.number(number, behaviour="busy")
    (known,) = plivo.control("GET", "numbers")
    assert known == ("".join(filter(str.isdigit, number)) if "@" not in number else number)


def test_without_a_seed_every_run_has_its_own_uuids(start: Callable[..., Phone], web: Web) -> None:
    phones = [start("plivo", seed=None), start("plivo", seed=None)]
    url = web.xml("/answer", "<Hangup/>")
    uuids = {phone.call(url) for phone in phones}
    phones[0].control("POST", "reset")
    uuids.add(phones[0].call(url))
    assert len(uuids) == 3
    seed = phones[0].control("GET", "")["seed"]
    assert start("plivo", seed=seed).call(url) in uuids


def test_the_python_door() -> None:
    for host in ("0.0.0.0", "192.0.2.1", "example.com", ""):
        with pytest.raises(ValueError, match="loopback"):
            serve(Simulator("plivo"), host=host)
    with pytest.raises(ValueError, match="unknown provider"):
        Simulator("twilio")
    with pytest.raises(ValueError, match="no switch"):
        Simulator("plivo", switches={"nothing": "x"})
    with pytest.raises(ValueError, match="clock mode"):
        Simulator("plivo", clock="sundial")
    epoch = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
    before = threading.active_count()
    with serve(Simulator("vobiz", auth_id="MA_TEST", auth_token="t", epoch=epoch)) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        reply = httpx2.get(server.url + "/-/sim/", trust_env=False).json()
        assert (reply["provider"], reply["auth_id"]) == ("vobiz", "MA_TEST")
        assert reply["clock"]["time"].startswith("2027-03-01T08:00")
    while threading.active_count() > before:  # request threads take a moment to end
        time.sleep(0.01)


def test_the_simulator_is_a_stranger() -> None:
    """It imports nothing from the rest of the package."""
    folder = Path(callflows.simulator.__file__).parent
    for file in folder.rglob("*.py"):
        depth = len(file.relative_to(folder).parts)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{file.name}: {node.module}"
                assert not (node.module or "").startswith("callflows"), file.name
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("callflows") for alias in node.names), file.name
