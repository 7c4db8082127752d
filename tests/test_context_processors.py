"""Values from Python: context processors of the application that callflows is part of, and all that they may do wrong.

Whatever it is, the caller hears the step with the defaults of its flow.toml, in time.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flask import Flask, current_app, g
from markupsafe import Markup
from werkzeug.local import LocalProxy

from callflows import CallFlows, CurrentCall
from callflows.application import AT_ONCE
from callflows.models import Exchange, Outcome
from callflows.signing import Token
from callflows.store.codec import from_line

from .conftest import CALL, plivo_headers, post, write_flow
from .house import Gunicorn, wait_until

FORM = [("CallUUID", CALL), ("From", "14155550111"), ("To", "14155550100")]
TOML = """
[context.name]
default = "friend"
[context.vip]
default = false
[context.customer]
default = { tier = "basic", visits = 0 }
[context.offers]
default = []
example = [{ text = "Tea" }]
"""
SAYS = """<Response><Speak>
Hello {{ name }}{% if vip %}, our best{% endif %}; {{ customer.tier }} {{ customer.visits }};
{%- for offer in offers %} {{ offer.text }}{% endfor %}.
</Speak></Response>"""
DEFAULT = "Hello friend; basic 0;."
ALL = {"name": "Ann", "vip": True, "customer": {"tier": "a", "visits": 1}, "offers": []}


class Theirs:
    """Somebody's application with callflows in it. `give` is what its one context processor calls."""

    def __init__(self, values: Mapping[str, Any], give: Callable[..., Any] | None = None, **settings: Any) -> None:
        self.flask = Flask("theirs")
        self.callflows = CallFlows(self.flask, {**values, "DEADLINE": 10, **settings})
        self.runtime = self.flask.extensions["callflows"]
        self.give: Callable[..., Any] = give or dict
        self.calls: list[CurrentCall] = []

        @self.callflows.context_processor(seconds=3)
        def theirs(call: CurrentCall) -> Any:
            self.calls.append(call)
            return self.give()

    def says(self, flow: str = "greet", step: str = "answer", form: Any = FORM, **token: Any) -> str:
        """What the Speak of the answer says, in one line."""
        path = f"/flows/plivo/{flow}/{step}"
        query = f"?t={self.runtime.signer.sign(path, Token(**token, expires=4_000_000_000))}" if token else ""
        reply = post(self.flask, "plivo", path + query, form)
        assert reply.status_code == 200
        assert reply.data.count(b"<Speak") == 1, reply.data
        text = reply.text.partition("<Speak")[2].partition("</Speak>")[0].partition(">")[2]
        return " ".join(text.split())

    def last(self) -> Exchange:
        """The exchange that was written last."""
        (file,) = self.runtime.settings.state_dir.glob("journal/*.journal")
        return exchanges_in(file)[-1]

    def problems(self) -> str:
        return " ".join(self.last().problems)


def exchanges_in(journal: Path) -> list[Exchange]:
    return [from_line(line) for line in journal.read_bytes().splitlines()]


@pytest.fixture
def greet(templates: Path) -> Path:
    write_flow(templates, "greet", TOML, answer=SAYS)
    return templates


@pytest.fixture
def theirs(values: dict[str, Any], greet: Path) -> Iterator[Theirs]:
    found = Theirs(values)
    yield found
    found.runtime.close()


def raises(error: BaseException) -> Callable[[], Any]:
    def give() -> Any:
        raise error

    return give


class Row:
    """An object with methods, and an ORM's manners."""

    name = "Ann"

    def delete(self) -> None:
        raise AssertionError("a template called it")


async def soon() -> dict[str, str]:
    return {"name": "Ann"}


def deep(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), "x")


GIVEN: dict[str, tuple[Callable[[], Any], str, str]] = {
    # what it gives: what is heard, and what the exchange says
    "all as declared": (
        lambda: {"name": "Ann", "vip": True, "customer": {"tier": "gold", "visits": 3}, "offers": [{"text": "Tea"}]},
        "Hello Ann, our best; gold 3; Tea.",
        "",
    ),
    "one name": (lambda: {"name": "Ann"}, "Hello Ann; basic 0;.", "vip, customer, offers: the default is heard"),
    "more than is declared": (
        lambda: ALL | {"customer": {"tier": "a", "visits": 1, "id": 7}, "x": Row()},
        "Hello Ann, our best; a 1;.",
        "",
    ),
    "documented names": (lambda: {"call": "no", "step_url": "no", "range": "no"}, DEFAULT, "no context processor gave"),
    "nothing": (dict, DEFAULT, "name, vip, customer, offers: the default is heard; no context processor gave it"),
    "None": (lambda: None, DEFAULT, "theirs gave None, not a dict"),
    "a list": (lambda: ["name"], DEFAULT, "theirs gave a list, not a dict"),
    "a generator": (lambda: (each for each in "ab"), DEFAULT, "theirs gave a generator, not a dict"),
    "a coroutine": (soon, DEFAULT, "theirs gave a coroutine, not a dict"),
    "a proxy of a dict": (lambda: LocalProxy(lambda: {"name": "Ann"}), DEFAULT, "gave a LocalProxy, not a dict"),
    "too many names": (lambda: {f"n{number}": 1 for number in range(5000)}, DEFAULT, "gave 5000 names"),
    "keys that are no text": (lambda: {5: "Ann", None: 1, ("name",): 2}, DEFAULT, "no context processor gave it"),
    "markup": (lambda: ALL | {"name": Markup("<Hangup/>")}, "Hello &lt;Hangup/&gt;, our best; a 1;.", ""),
    "text that looks like markup": (
        lambda: ALL | {"name": "</Speak><Hangup/>"},
        "Hello &lt;/Speak&gt;&lt;Hangup/&gt;, our best; a 1;.",
        "",
    ),
    "a template": (lambda: ALL | {"name": "{{ call.uuid }}"}, "Hello {{ call.uuid }}, our best; a 1;.", ""),
    "characters XML cannot hold, and our own marks": (
        lambda: ALL | {"name": "A\x00\x1b\ue0000\ue001nn\ud800"},
        "Hello A0nn, our best; a 1;.",
        "",
    ),
    "None for a text": (lambda: {"name": None}, DEFAULT, "the default is heard; name is None"),
    "a number for a text": (lambda: {"name": 5}, DEFAULT, "name is a whole number, not text"),
    "a text for true or false": (lambda: {"vip": "yes"}, DEFAULT, "vip is text, not true or false"),
    "NaN": (lambda: {"name": float("nan"), "customer": {"tier": "a", "visits": float("nan")}}, DEFAULT, "type float"),
    "bytes": (lambda: {"name": b"Ann"}, DEFAULT, "name is of the type bytes"),
    "a generator for a list": (lambda: {"offers": (each for each in "ab")}, DEFAULT, "offers is of the type generator"),
    "an object with methods": (lambda: {"name": Row(), "customer": Row()}, DEFAULT, "name is of the type"),
    "a function": (lambda: {"name": raises(AssertionError())}, DEFAULT, "name is of the type function"),
    "a lazy proxy": (lambda: {"name": LocalProxy(lambda: "Ann")}, DEFAULT, "type werkzeug.local.LocalProxy"),
    "10 MB of text": (lambda: {"name": "x" * 10_000_000}, DEFAULT, "name has more than 100000 characters"),
    "nested 100 deep": (lambda: {"offers": deep(100)}, DEFAULT, "is in more than 10 lists and tables"),
    "a table with less in it": (lambda: {"customer": {"tier": "gold"}}, DEFAULT, "customer has no visits"),
    "a table with keys of all kinds": (lambda: {"customer": {"tier": "a", "visits": 1, 5: 6}}, DEFAULT, "has a key"),
    "elements of another kind": (lambda: {"offers": [{"text": 5}]}, DEFAULT, "offers[0].text is a whole number"),
    "a text that no document can hold": (lambda: {"name": "x" * 99_999}, DEFAULT, "context.refused: answer is refused"),
    "KeyError": (raises(KeyError("+14155550111")), DEFAULT, "theirs raised KeyError (test_context_processors.py:"),
    "SystemExit": (raises(SystemExit(1)), DEFAULT, "theirs raised SystemExit"),
    "KeyboardInterrupt": (raises(KeyboardInterrupt()), DEFAULT, "theirs raised KeyboardInterrupt"),
    "GeneratorExit": (raises(GeneratorExit()), DEFAULT, "theirs raised GeneratorExit"),
    "CancelledError": (raises(asyncio.CancelledError()), DEFAULT, "theirs raised CancelledError"),
    "TimeoutError": (raises(TimeoutError()), DEFAULT, "theirs raised TimeoutError"),
    "an error that cannot be shown": (raises(type("E", (Exception,), {"__str__": None})()), DEFAULT, "theirs raised E"),
}


def test_what_is_given_is_heard_or_the_default_is(theirs: Theirs) -> None:
    wrong = {}
    for case, (give, heard, told) in GIVEN.items():
        theirs.give = give
        found, problems = theirs.says(), theirs.problems()
        if found != heard or (told not in problems) or (not told and problems):
            wrong[case] = (found, problems)
        assert "14155550111" not in problems, "a value of the caller's"
    assert wrong == {}
    assert len(theirs.calls) == len(GIVEN), "each once"


def test_a_number_to_dial_is_held_to_the_dial_policy(values: dict[str, Any], templates: Path) -> None:
    dial = """<Response><Speak>{{ agent }}</Speak>
    <Dial callerId="+14155550100"><Number>{{ agent }}</Number></Dial></Response>"""
    write_flow(templates, "greet", '[context.agent]\ndefault = "+14155550199"\n', answer=dial)
    theirs = Theirs(values, DIAL_ALLOW="+44")
    for given, heard in {
        "+442079460000": "+442079460000",
        "+14155550199": "+14155550199",  # it stands in flow.toml
        "+33123456789": "+14155550199",
        "+19005551234": "+14155550199",  # premium rate
        "+442079460000</Number><Number>+19005551234": "+14155550199",
        "sip:a@b.example": "+14155550199",
    }.items():
        theirs.give = lambda given=given: {"agent": given}
        assert theirs.says() == heard
        assert ("context.refused" in theirs.problems()) == (given != heard), given


def test_a_link_that_would_grow_too_long_is_made_with_the_default(values: dict[str, Any], templates: Path) -> None:
    toml = '[context.name]\ndefault = "friend"\n'
    says = "<Response><Speak>{{ name }}</Speak><Redirect>{{ step_url('answer', name=name) }}</Redirect></Response>"
    write_flow(templates, "greet", toml, answer=says)
    theirs = Theirs(values, lambda: {"name": "x" * 5000})
    assert theirs.says() == "friend"


def test_what_a_processor_is_told(theirs: Theirs, templates: Path) -> None:
    toml = '[params.to]\ntype = "phone"\n[params.times]\ntype = "integer"\ndefault = 2\n[context.name]\ndefault = ""\n'
    write_flow(templates, "told", toml, answer=SAYS.partition("{% if")[0] + "</Speak></Response>")
    theirs.runtime.publisher.publish_all()
    form = [*FORM, ("Digits", "42"), ("SIP-H-X-PH-Tenant", "acme")]
    theirs.says("told", form=form, call_uuid=CALL, transfer_id="a" * 32, leg="bleg", state={"n": 1})
    (call,) = theirs.calls
    assert (call.uuid, call.from_number, call.to_number) == (CALL, "+14155550111", "+14155550100")
    assert (call.provider, call.flow, call.step, call.leg) == ("plivo", "told", "answer", "bleg")
    assert (dict(call.params), dict(call.state)) == ({"to": "", "times": 2}, {"n": 1})
    assert (call.transfer_id, call.input.digits) == ("a" * 32, "42")
    with pytest.raises(AttributeError):
        call.flow = "other"  # type: ignore[misc]
    for values in (call.params, call.state, call.sip_headers):
        with pytest.raises(TypeError):
            values["x"] = 1  # type: ignore[index]


def test_it_runs_within_the_application(theirs: Theirs) -> None:
    torn_down = []

    @theirs.flask.teardown_appcontext
    def tear_down(_: BaseException | None) -> None:
        torn_down.append(g.get("mine"))

    def give() -> dict[str, str]:
        g.mine = "x"
        return {"name": current_app.name}

    theirs.give = give
    assert theirs.says() == "Hello theirs; basic 0;."
    assert "x" in torn_down


def test_a_flow_that_declares_nothing_asks_nobody(theirs: Theirs, templates: Path) -> None:
    write_flow(templates, "plain", answer="<Response><Speak>plain</Speak></Response>")
    theirs.runtime.publisher.publish_all()
    assert theirs.says("plain") == "plain"
    assert theirs.problems() == ""
    assert theirs.says("plain", "nowhere") != "plain"
    assert post(theirs.flask, "plivo", "/flows/plivo/greet/answer", FORM, signed=False).status_code == 403
    post(theirs.flask, "plivo", "/flows/plivo/greet/answer", [*FORM, ("Event", "Hangup"), ("HangupCause", "x")])
    post(theirs.flask, "plivo", "/events/plivo", FORM)
    assert theirs.calls == []


def test_it_is_asked_once_whatever_is_tried(theirs: Theirs, greet: Path) -> None:
    """The live version lacks the step, so the call's own version is asked, and its fallback with other names."""
    theirs.give = lambda: ALL
    before = theirs.runtime.versions.live("greet").version
    toml = 'fallback = "sorry"\n[context.name]\ndefault = ""\n[context.other]\ndefault = "none"\n'
    write_flow(greet, "greet", toml, sorry="<Response><Speak>{{ name }} {{ other }}</Speak></Response>")
    (greet / "greet" / "answer.xml").unlink()
    theirs.runtime.publisher.publish_all()
    assert theirs.says(call_uuid=CALL, version=before) == "Hello Ann, our best; a 1;."
    assert theirs.last().outcome is Outcome.LAST_GOOD
    assert theirs.says(step="nowhere", call_uuid=CALL) == "Ann none"
    assert theirs.last().outcome is Outcome.FALLBACK
    assert "other: the default is heard" in theirs.problems()
    assert [call.step for call in theirs.calls] == ["answer", "nowhere"]


def test_later_ones_win_and_one_that_fails_takes_nothing_from_the_others(theirs: Theirs) -> None:
    theirs.give = lambda: {"name": "first", "vip": True}

    @theirs.callflows.context_processor
    def second() -> dict[str, Any]:
        return {"name": "second", "offers": [{"text": "Tea"}]}

    @theirs.callflows.context_processor(seconds=1)
    def third() -> dict[str, Any]:
        raise RuntimeError

    assert theirs.says() == "Hello second, our best; basic 0; Tea."
    assert "context processor test_later_ones" in theirs.problems()


def test_one_that_is_registered_twice_runs_once(theirs: Theirs) -> None:
    ran = []

    def counted(call: Any = None) -> dict[str, Any]:
        ran.append(call)
        return {"name": "once"}

    assert theirs.callflows.context_processor(counted) is counted
    assert theirs.callflows.context_processor(seconds=2)(counted) is counted
    assert theirs.says() == "Hello once; basic 0;."
    assert [type(call) for call in ran] == [CurrentCall]


def test_two_applications_in_one_process(values: dict[str, Any], greet: Path, tmp_path: Path) -> None:
    one = Theirs(values, lambda: {"name": "one"})
    two = Theirs({**values, "STATE_DIR": str(tmp_path / "other")}, lambda: {"name": "two"})
    assert (one.says(), two.says(), one.says()) == (
        "Hello one; basic 0;.",
        "Hello two; basic 0;.",
        "Hello one; basic 0;.",
    )


def test_functions_are_registered_before_there_is_an_application(
    values: dict[str, Any], greet: Path, tmp_path: Path
) -> None:
    callflows = CallFlows(settings={**values, "DEADLINE": 10})
    theirs = Theirs(values)

    @callflows.context_processor(seconds=3)
    def name() -> dict[str, Any]:
        return {"name": current_app.name}

    for each in ("early", "late"):
        theirs.flask = Flask(each)
        callflows.init_app(theirs.flask)
        theirs.runtime = theirs.flask.extensions["callflows"]
        assert theirs.says() == f"Hello {each}; basic 0;."


def two(first: Any, second: Any) -> None: ...


def named(*, call: Any) -> None: ...


def yields() -> Iterator[dict[str, str]]:
    yield {}


class Awaited:
    async def __call__(self) -> dict[str, str]:
        return {}


@pytest.mark.parametrize(
    ("register", "words"),
    [
        (lambda given: given("customer"), "a context processor is a function, not a str"),
        (lambda given: given(0.2), r"not a float: write @callflows.context_processor, or .*\(seconds=0.2\)"),
        (lambda given: given({"name": "Ann"}), "not a dict"),
        (lambda given: given(soon), "soon is async: write it with def"),
        (lambda given: given(functools.partial(soon)), "is async"),
        (lambda given: given(Awaited()), "Awaited is async"),
        (lambda given: given(yields), "has a yield: a context processor returns a dict"),
        (
            lambda given: given(two),
            r"two\(first: 'Any', second: 'Any'\) .* takes more than the call: write two\(call\)",
        ),
        (lambda given: given(named), "takes more than the call"),
        (lambda given: given(dict), "cannot be told: wrap it in a function"),
        (lambda given: given(seconds=True)(dict), "seconds is a number, not True"),
        (lambda given: given(seconds="1s")(dict), "seconds is a number, not '1s'"),
    ],
)
def test_what_cannot_be_one_is_refused_in_words(register: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        register(CallFlows().context_processor)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_seconds_are_a_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds is a number over 0"):
        CallFlows().context_processor(seconds=seconds)(lambda: {})


def test_the_log_says_which_function_and_where_and_no_number(
    theirs: Theirs, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.give = raises(KeyError("+14155550111"))
    for _ in range(5):
        theirs.says()
    theirs.give = lambda: {"name": {"+14155550111": None}}
    theirs.says()
    told = [line for line in capsys.readouterr().err.splitlines() if "callflows.application" in line]
    assert len(told) == 3, told
    assert "context processor Theirs.__init__.<locals>.theirs raised KeyError (test_context_processors.py:" in told[0]
    assert not any("14155550111" in line for line in told)


def test_without_an_application_the_defaults_are_heard(values: dict[str, Any], greet: Path, app: Flask) -> None:
    assert b"Hello friend" in post(app, "plivo", "/flows/plivo/greet/answer", FORM).data


# -- time


def running() -> int:
    return sum(thread.name == "callflows-reader" for thread in threading.enumerate())


def test_one_that_hangs_holds_nobody_up(values: dict[str, Any], greet: Path) -> None:
    theirs = Theirs(values, DEADLINE=1.5)
    go = threading.Event()

    @theirs.callflows.context_processor(seconds=0.05)
    def hangs() -> dict[str, str]:
        go.wait(30)
        return {"name": "too late"}

    theirs.give = lambda: {"vip": True}
    for _ in range(AT_ONCE + 3):
        started = time.monotonic()
        assert theirs.says() == "Hello friend, our best; basic 0;."
        assert time.monotonic() - started < 1.5
    assert running() == AT_ONCE, "no more than may be left behind"
    assert "hangs did not answer in time (0.05 s at most)" in theirs.problems()
    go.set()
    wait_until(lambda: not running())
    assert theirs.says() == "Hello too late, our best; basic 0;.", "it is asked again"


def test_all_together_take_a_third_of_the_deadline(values: dict[str, Any], greet: Path) -> None:
    theirs = Theirs(values, DEADLINE=0.9)
    go = threading.Event()
    for _ in range(3):
        theirs.callflows.context_processor(seconds=60)(lambda: go.wait(30))
    started = time.monotonic()
    assert theirs.says() == DEFAULT
    assert time.monotonic() - started < 0.9
    assert "was not asked: others had used up the time" in theirs.problems()
    go.set()


SHOP = """
import time
from flask import Flask
from callflows import CallFlows

app = Flask("shop")
callflows = CallFlows(app)


@callflows.context_processor
def customer(call):
    if call.from_number.endswith("2"):
        return {"name": "Ann", "vip": True, "customer": {"tier": "gold", "visits": 3}, "offers": []}
    time.sleep(10)
"""


@pytest.mark.slow
def test_a_crowd_is_answered_in_time_while_a_function_hangs(
    values: dict[str, Any], greet: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    del values["PUBLIC_URL"]  # its own
    server = Gunicorn(values, tmp_path / "log")
    server.values["KEEPER"] = "false"  # the journals stay as they are
    server.start(str(Path(sys.executable).with_name("gunicorn")), "--pythonpath", str(tmp_path), "shop:app")
    url = f"{server.url}/flows/plivo/greet/answer"
    try:
        with httpx2.Client(timeout=9) as http, ThreadPoolExecutor(16) as crowd:

            def ask(number: int) -> str:
                form = [("CallUUID", CALL), ("From", f"1415555{number:04}")]
                return http.post(url, data=dict(form), headers=plivo_headers(url, form)).text

            wait_until(lambda: "Hello Ann" in ask(2))
            replies = list(crowd.map(ask, [1] * 50))
            assert all("Hello friend" in reply for reply in replies)
    finally:
        server.stop()
    journals = tmp_path.glob("state/journal/*.journal")
    seconds = [each.duration_ms / 1000 for file in journals for each in exchanges_in(file)]
    assert max(seconds) < 1.5
    assert 0 < server.log.read_text().count("customer did not answer in time") <= 4, "once in 10 s in each worker"
