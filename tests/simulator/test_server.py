"""The simulator as a server that many use at once, and as something that is begun anew many times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from callflows.simulator import Simulator

from .conftest import Phone, Web


def engines() -> int:
    return sum(thread.name == "simulator-engine" for thread in threading.enumerate())


def asked_and_never_closed(phone: Phone, method: str, path: str) -> None:
    sim = phone.simulator
    sim.app().test_client().open(
        f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/{path}",
        method=method,
        headers=sim.dialect.credentials(sim.auth_id, sim.auth_token),
    )


def test_an_answer_that_nobody_closes_holds_up_nothing(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    began = time.monotonic()
    asked_and_never_closed(phone, "GET", "Call/?status=live")
    assert phone.simulator.platform.engine.settle()
    phone.advance(10)
    assert time.monotonic() - began < 0.9
    asked_and_never_closed(phone, "DELETE", f"Call/{uuid}/")  # what it asked for waits a second
    phone.advance(0)
    assert phone.leg(uuid)["hangup"]
    assert time.monotonic() - began < 10


def test_requests_that_never_cease_do_not_stop_what_goes_on(phone: Phone) -> None:
    engine = phone.simulator.platform.engine
    done = threading.Event()
    with engine.lock:
        for _ in range(50):  # answers on their way, each of which asked for something
            asked_here = engine.mark()
            engine.after(3600, lambda: None)
            engine.hold(asked_here)
        engine.after(0, done.set)
        engine.hold(engine.mark())
    assert done.wait(0.5)


def test_what_was_asked_for_waits_for_the_answer_to_leave(phone: Phone) -> None:
    engine, done = phone.simulator.platform.engine, threading.Event()
    with engine.lock:
        asked_here = engine.mark()
        engine.after(0, done.set)
        hold = engine.hold(asked_here)
    assert not done.wait(0.1)
    engine.release(hold)
    assert done.wait(5)


def test_many_resets_at_once_leave_one_engine(phone: Phone, web: Web) -> None:
    before = engines()
    answer = web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>")

    def again(_: int) -> None:
        phone.call(answer)
        phone.control("POST", "reset", {})

    with ThreadPoolExecutor(10) as many:
        list(many.map(again, range(50)))
    assert engines() == before
    phone.control("POST", "reset", {})
    phone.call(answer)
    assert phone.texts("hear") == ['hears "Hi"']


def test_a_reset_ends_a_call_that_never_pauses(web: Web, start: Callable[..., Phone]) -> None:
    phone = start("plivo", clock="real")
    before = engines()
    pages = []

    def page(request: object) -> str:
        time.sleep(0.1)
        pages.append(request)
        return f"<Response><Redirect>{web.url}/again</Redirect></Response>"

    web.pages["/again"] = page
    phone.call(f"{web.url}/again")
    began = time.monotonic()
    phone.control("POST", "reset", {})
    assert time.monotonic() - began < 3
    assert engines() == before
    asked = len(pages)
    time.sleep(0.3)
    assert len(pages) <= asked + 1


def test_in_real_time_a_busy_web_application_holds_nobody_up_for_long(web: Web, start: Callable[..., Phone]) -> None:
    phone = start("plivo", clock="real")

    def page(request: object) -> str:
        time.sleep(3)
        return "<Response/>"

    web.pages["/slow"] = page
    began = time.monotonic()
    phone.call(f"{web.url}/slow")
    assert time.monotonic() - began < 2.5


def test_a_document_that_redirects_to_itself_ends_in_real_time_as_well(web: Web, start: Callable[..., Phone]) -> None:
    phone = start("plivo", clock="real")
    uuid = phone.call(web.xml("/again", "<Redirect>{web}/again</Redirect>"))
    until = time.monotonic() + 10
    while not phone.leg(uuid)["hangup"] and time.monotonic() < until:
        time.sleep(0.05)
    assert phone.ended(uuid)[0] == 2060


def test_a_closed_simulator_stays_closed() -> None:
    before = engines()
    simulator = Simulator("plivo")
    simulator.close()
    simulator.reset()
    simulator.close()
    assert engines() == before


def test_two_who_let_time_run_do_not_stop_each_other(phone: Phone) -> None:
    engine = phone.simulator.platform.engine
    happened: list[float] = []

    def again() -> None:
        happened.append(engine.clock.now())
        time.sleep(0.01)
        engine.after(10, again)

    with engine.lock:
        engine.after(10, again)
    with ThreadPoolExecutor(2) as both:
        runs = [both.submit(engine.run, limit) for limit in (300, 50)]
        assert [run.result() for run in runs] == [False, False]  # there is always more to do
    assert happened[-1] >= 300
