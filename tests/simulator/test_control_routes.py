"""The table of control routes: what each shows, sets back and refuses, and that nothing asked of them is a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callflows.simulator import Switches
from callflows.simulator.control.desk import ROUTES, about

from .conftest import Phone, Web
from .test_control import conversation


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_transcript_of_one_call_or_of_what_is_new(phone: Phone, web: Web, form: str) -> None:
    def entries(query: str) -> list[Any]:
        reply = phone.http.get(f"/-/sim/transcript?format={form}{query}")
        assert reply.status_code == 200
        return reply.json() if form == "json" else reply.text.splitlines()

    first = conversation(phone, web)
    phone.run(4)
    seen = len(entries(""))
    assert seen
    assert entries(f"&since={seen}") == []
    second = conversation(phone, web)
    phone.run()
    everything = entries("")
    assert entries(f"&since={seen}") == everything[seen:]
    of_first, of_second = entries(f"&call={first}"), entries(f"&call={second}")
    assert len(of_first) + len(of_second) == len(everything)
    assert of_first[: seen - 1] == everything[: seen - 1]
    b_leg = next(entry["b_leg"] for entry in phone.entries("dial") if entry["call_uuid"] == second)
    assert entries(f"&call={b_leg}") == of_second
    assert entries(f"&call={second}&since={len(everything) - 1}") == everything[-1:]
    one = phone.control("GET", f"calls/{b_leg}")
    assert [leg["call_uuid"] for leg in one["legs"]] == [second, b_leg]
    assert one["call_uuid"] == second
    if form == "json":
        assert one["transcript"] == of_second


def test_what_is_not_there(phone: Phone) -> None:
    for path in ("transcript?call=nobody", "calls/nobody", "calls//press", "clock/1", "nothing"):
        reply = phone.http.get(f"/-/sim/{path}")
        assert (reply.status_code, list(reply.json())) == (404, ["error"]), path
    assert phone.http.delete("/-/sim/numbers/911").status_code == 404
    reply = phone.http.put("/-/sim/clock")
    assert reply.status_code == 404
    assert reply.json()["error"].endswith("/-/sim/clock: GET, POST is there")


def test_the_index_lists_every_route(phone: Phone) -> None:
    routes = phone.control("GET", "")["routes"]
    assert set(routes) == {f"{method} /-/sim/{path}" for method, path in ROUTES}
    assert all(len(about) > 8 for about in routes.values()), routes
    assert phone.http.head("/-/sim/clock").status_code == 200
    page = (Path(__file__).parents[2] / "docs/simulator.md").read_text()
    for (method, path), action in ROUTES.items():
        assert f"\n| `{method} {path or '/-/sim/'}` | {about(action)} |\n" in page


def test_how_all_other_numbers_behave(phone: Phone, web: Web) -> None:
    phone.control("PUT", "numbers/*", {"behaviour": "busy", "after": 1})
    phone.number("+14155550177", behaviour="answers", after=1)
    url = web.xml("/answer", "<Speak>Hi</Speak>")

    def outcome(number: str) -> int:
        uuid = phone.place(url, to=number)
        phone.run()
        return phone.ended(uuid)[0]

    assert (outcome("+14155550177"), outcome("+14155550178")) == (4010, 3010)
    assert set(phone.control("GET", "numbers")) == {"*", "14155550177"}
    phone.control("DELETE", "numbers/+1 (415) 555-0177")
    assert outcome("+14155550177") == 3010
    phone.control("DELETE", "numbers/*")
    assert outcome("+14155550177") == 4010
    phone.control("PUT", "numbers/*", {"behaviour": "busy"})
    phone.control("DELETE", "numbers")
    assert phone.control("GET", "numbers") == {}


def test_switches_back_to_their_defaults(start: Callable[..., Phone]) -> None:
    vobiz = start("vobiz", switches={"play_seconds": 3})
    vobiz.switch(other_leg="hangs-up")
    defaults = Switches.for_provider("vobiz").as_dict()
    assert vobiz.control("DELETE", "switches") == vobiz.control("GET", "switches") == defaults


def test_reset_with_new_settings(start: Callable[..., Phone], web: Web) -> None:
    phone, other = start("plivo"), start("plivo", seed=5)
    phone.control("POST", "reset", {"seed": 5, "clock": "auto", "switches": {"play_seconds": 3}})
    assert phone.control("GET", "")["seed"] == 5
    assert phone.control("GET", "switches")["play_seconds"] == 3
    url = web.xml("/answer", "<Play>https://e.com/a.mp3</Play>")
    assert phone.call(url) == other.call(url)
    assert phone.control("GET", "clock")["now"] == 3.0
    phone.control("POST", "reset")
    assert phone.control("GET", "clock")["mode"] == "auto"
    for body in ({"seed": "x"}, {"seed": True}, {"clock": "sundial"}, {"clock": []}, {"switches": []}, {"colour": 1}):
        assert phone.http.post("/-/sim/reset", json=body).status_code == 400
    assert phone.http.post("/-/sim/reset", json={"switches": {"other_leg": 3}, "seed": 9}).status_code == 400
    assert phone.control("GET", "")["seed"] == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "advance mode run limit from to answer_url direction digits speech after behaviour keys rest web count seconds "
    "purpose path url captures sign seed clock switches other_leg words_per_second close event time_limit sip_headers"
).split()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_asked_is_no_500(plivo: Phone, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(sorted(ROUTES)))
    body = data.draw(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4) | JSON)
    if isinstance(body, dict) and isinstance(body.get("advance"), int | float):
        del body["advance"]
    ids = data.draw(st.sampled_from(["1", "%00", "*", "sip:a@b", "é"]))
    query = data.draw(st.sampled_from(["", "?since=x", "?since=5", "?call=é", "?format=%00", "?explain=1"]))
    reply = plivo.http.request(method, f"/-/sim/{path.replace('*', ids)}{query}", content=json.dumps(body))
    assert reply.status_code in (200, 400, 404), reply.text
    if reply.status_code != 200:
        assert list(reply.json()) == ["error"]


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b'{"advance": NaN}', b'{"advance": 1e999}', b"{}x"], ids=str)
def test_bodies_that_are_no_json(plivo: Phone, body: bytes) -> None:
    assert plivo.http.post("/-/sim/clock", content=body).status_code == 400
