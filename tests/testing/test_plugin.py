"""The pytest plugin as its users have it: a project of their own, tests with a `phone`, scenario files, reports."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from ..conftest import write_flow
from .conftest import AGENT, QUICKLY, run

SHOP = """
from flask import Flask, Response, request

app = Flask("shop")


def xml(inside):
    return Response(f"<Response>{inside}</Response>", mimetype="application/xml")


@app.post("/answer")
def answer():
    menu = '<Speak>Press 1 for sales</Speak>'
    return xml(f'<GetDigits action="{request.host_url}sales" numDigits="1">{menu}</GetDigits>')


@app.post("/sales")
def sales():
    return xml("<Dial><Number>+14155550123</Number></Dial>")


@app.post("/hold")
def hold():
    return xml("<Speak>Please hold</Speak><Wait length='60'/>")


@app.post("/dialling")
def dialling():
    return xml(f'<Dial action="{request.host_url}over"><Number>+14155550123</Number></Dial>')


@app.post("/over")
def over():
    return xml(f"<Speak>{request.form['DialStatus']}</Speak>")


@app.post("/broken")
def broken():
    raise RuntimeError("out of stock")
"""


def test_the_story_in_ten_lines_on_both_platforms(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_sales(phone):
            call = phone.dial("support")
            call.hears("Press 1")
            call.press("1")
            call.is_connected_to("+14155550123")
            phone.transfer(call, aleg="hold")
            call.hears("please hold")
            call.hang_up()
        """
    )
    result = run(project, "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_sales?plivo? PASSED*", "*test_sales?vobiz? PASSED*"])


def test_any_web_application_that_speaks_the_platforms_xml(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP)
    pytester.makeini("[pytest]\nphone_app = shop:app\nphone_providers = plivo\npythonpath = .")
    pytester.makepyfile(
        """
        def test_sales(phone):
            call = phone.dial("/answer")
            call.hears("Press 1").press("1")
            call.is_connected_to("+14155550123")
            phone.transfer(call, aleg="/hold", bleg="/hold")
            call.hears("please hold")
            phone.person("+14155550123").hears("please hold")
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_an_application_that_runs_somewhere_is_named_by_its_url(pytester: pytest.Pytester) -> None:
    document = "<Response><Speak>From far away.</Speak></Response>"

    @Request.application
    def site(request: Request) -> Response:
        return Response(document, mimetype="application/xml")

    server = make_server("127.0.0.1", 0, site, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    pytester.makeini(f"[pytest]\nphone_app = http://127.0.0.1:{server.server_port}")
    pytester.makepyfile("def test_it(phone): phone.dial('/').hears('far away').is_hung_up(4010)")
    run(pytester).assert_outcomes(passed=2)
    server.shutdown()
    server.server_close()


def test_an_application_may_come_from_a_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP)
    pytester.makeconftest("import pytest, shop\n@pytest.fixture\ndef phone_app(): return shop.app")
    pytester.makepyfile("def test_it(phone): phone.dial('/hold').hears('please hold')")
    pytester.makeini("[pytest]\npythonpath = .")
    run(pytester).assert_outcomes(passed=2)


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_failure_shows_the_transcript_once(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)  # where pytest's summary does not shorten messages
    project.makepyfile(
        """
        def test_what_is_never_said(phone):
            phone.dial("support").hears("Press 9")

        def test_a_plain_assert(phone):
            call = phone.dial("support").hears("Press 1")
            assert call.heard == []
        """
    )
    result = run(project, "-k", "plivo")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    ended = "before the call ended (4010 End Of XML Instructions)"
    assert f'did not hear "Press 9" {ended}; heard instead: "Press 1 for sales.", "Goodbye."' in text
    assert "test_a_failure_shows_the_transcript_once.py:2: Unmet" in text  # the user's own line is where it failed
    assert "E       Unmet: +1415" in text  # and nothing stands before the reason
    assert text.count("calls +14155550100") == 2
    assert "phone transcript" in text
    assert "phone.py" not in text


def test_the_marker_says_which_platform_which_reading_and_when(project: pytest.Pytester) -> None:
    write_flow(
        project.path / "templates",
        "hours",
        answer="<Response><Speak>{{ 'closed' if now.hour >= 18 else 'open' }}</Speak></Response>",
    )
    project.makepyfile(
        """
        import pytest

        @pytest.mark.phone(provider="vobiz", switches={"other_leg": "hangs-up"}, at="2026-12-24T18:30:00+00:00")
        def test_marked(phone):
            phone.dial("hours").hears("closed")
            assert phone.provider == "vobiz"
            assert phone.simulator.platform.switches.other_leg == "hangs-up"

        @pytest.mark.phone(at="2026-12-24T09:30:00+00:00")
        def test_in_the_morning(phone):
            phone.dial("hours").hears("open")
        """
    )
    run(project).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ('provider="pilvo"', "no platform 'pilvo': one of plivo, vobiz"),
        ('switches={"other_legs": "hangs-up"}', "no switch 'other_legs'"),
        ('swiches={"other_leg": "hangs-up"}', "swiches"),
        ('at="tomorrow"', "at is a time with its zone, as 2026-12-24T18:30:00+01:00, not 'tomorrow'"),
        ('"plivo"', "the marker phone takes provider, switches, at, seed by name, not 'plivo'"),
        ("provider=3", "no platform 3: one of plivo, vobiz"),
        ('at="2026-12-24T18:30:00"', "at is a time with its zone"),
        ('switches=["other_leg"]', "switches are names with values"),
        ('seed="x"', "seed is a whole number"),
    ],
)
def test_a_wrong_marker_is_said(project: pytest.Pytester, marker: str, said: str) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.phone({marker})\ndef test_it(phone): pass")
    result = run(project)
    assert result.ret != 0
    text = result.stdout.str()
    assert said in text
    assert "During handling" not in text


def test_what_is_wrong_with_the_application_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(phone): pass")
    assert "there is no folder" in run(pytester).stdout.str()
    pytester.makeini("[pytest]\nphone_app = nowhere:app")
    assert "nowhere:app is no web application" in run(pytester).stdout.str()


def test_an_application_that_raises_is_told_in_the_transcript(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP)
    pytester.makeini("[pytest]\nphone_app = shop:app\nphone_providers = plivo\npythonpath = .")
    pytester.makepyfile("def test_it(phone): phone.dial('/broken').hears('hello')")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    assert "7011" in result.stdout.str()
    assert "out of stock" in result.stdout.str()


def test_what_callflows_logs_is_pytests_to_show(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import logging

        def test_it(phone, caplog):
            phone.dial("support").hears("Press 1")
            logging.getLogger("callflows.flows").warning("a save is not served")
            assert "a save is not served" in caplog.text
        """
    )
    run(project, "-k", "plivo").assert_outcomes(passed=1)


def test_a_refused_transfer_is_what_the_user_of_callflows_sees(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from callflows import CallflowsError

        def test_it(phone):
            call = phone.dial("hold/aleg")
            with pytest.raises(CallflowsError, match="there is no flow 'hodl'"):
                phone.transfer(call, aleg="hodl")
            call.hears("please hold")
        """
    )
    run(project).assert_outcomes(passed=2)


# -- scenario files

SCENARIO = f"""
# Who presses 1 reaches sales.
number {AGENT} after=2 hangs_up_after=9
dial support
hears "Press 1"
press 1
is connected to {AGENT}
is hung up
"""


def test_scenario_files_are_tests(project: pytest.Pytester) -> None:
    (project.path / "who-presses-1-reaches-sales.scenario").write_text(SCENARIO)
    result = run(project, "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*who-presses-1-reaches-sales.scenario::test_who_presses_1_reaches_sales?plivo? PASSED*"]
    )
    (project.path / "busy.scenario").write_text(SCENARIO.replace("after=2 hangs_up_after=9", "busy"))
    failures = run(project, "-k", "plivo", "busy.scenario").stdout.str()
    assert f"busy.scenario:7: is connected to {AGENT}: +14155550101 is connected to nobody, not to {AGENT}" in failures
    assert 'hears "Busy."' in failures


def test_a_broken_scenario_file_is_named_with_its_line(project: pytest.Pytester) -> None:
    (project.path / "broken.scenario").write_text("dial support\nheers Press 1\n")
    result = run(project)
    result.assert_outcomes(errors=1)
    assert "broken.scenario:2: no such step: 'heers'; did you mean `hears`?" in result.stdout.str()


def test_every_switch_finds_what_rests_on_one_reading(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "the-agent-is-free-again.scenario").write_text(
        "on plivo\ndial support\nhears Press 1\npress 1\n"
        f"is connected to {AGENT}\ntransfer aleg=hold\n{AGENT} is hung up\n"
    )
    run(project).assert_outcomes(passed=1)
    result = run(project, "--phone-every-switch")
    result.assert_outcomes(passed=1, failed=1)
    assert "::test_the_agent_is_free_again_at_every_switch[plivo]" in result.stdout.str()
    assert "with switch other_leg = keeps-flow: " in result.stdout.str()
    pinned = project.path / "the-agent-is-free-again.scenario"
    pinned.write_text("switch other_leg hangs-up\n" + pinned.read_text())
    monkeypatch.setenv("CALLFLOWS_TRANSFERS_PER_CALL", "1")  # each of the runs is of another call
    run(project, "--phone-every-switch").assert_outcomes(passed=2)
    pinned.write_text(pinned.read_text().replace("Press 1", "Press 2"))
    run(project, "--phone-every-switch").assert_outcomes(failed=2)


# -- coverage


def covered(project: pytest.Pytester) -> None:
    project.makepyfile(
        f"""
        def test_busy(phone):
            phone.number("{AGENT}", "busy")
            phone.dial("support").hears("Press 1").press("1").hears("Busy").is_hung_up(4010)

        def test_nothing_is_pressed(phone):
            phone.dial("support").hears("Goodbye")
        """
    )


def test_coverage_tells_what_no_test_met(project: pytest.Pytester) -> None:
    covered(project)
    result = run(project, "--phone-coverage=coverage.json")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "*call flow coverage*",
            "hold *steps 0/2",
            "*step aleg was served to nobody",
            "support*steps 3/3, branches 3/4, dial results 1/6",
            "*support/over.xml:1 was not taken: {{ 'Busy.' if dial.status == 'busy' else 'Goodbye.' }}",
            "*step over was not told that a Dial ended with completed, failed, cancel, timeout, no-answer",
        ]
    )
    found = json.loads((project.path / "coverage.json").read_text())
    assert found["support"]["steps"]["over"] == ["plivo", "vobiz"]
    assert found["support"]["dial_results"] == {"over": ["busy"]}


def test_coverage_of_any_other_application_is_its_pages(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP)
    pytester.makeini("[pytest]\nphone_app = shop:app\nphone_providers = plivo\npythonpath = .")
    pytester.makepyfile(
        f"""
        def test_it(phone):
            phone.number("{AGENT}", "busy")
            phone.dial("/dialling").hears("busy")
        """
    )
    result = run(pytester, "--phone-coverage")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "web application  steps 2/2, dial results 1/6",
            "*step /over was not told that a Dial ended with completed, failed, cancel, timeout, no-answer",
        ]
    )


def test_coverage_is_gathered_from_the_workers_of_xdist(project: pytest.Pytester) -> None:
    covered(project)
    os.environ.pop("PYTEST_XDIST_WORKER", None)
    result = project.runpytest_subprocess("-n", "2", "--phone-coverage", *QUICKLY)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["support*steps 3/3, *dial results 1/6"])


def test_the_same_test_has_the_same_transcript(project: pytest.Pytester, tmp_path: Path) -> None:
    project.makepyfile(
        """
        import pathlib

        def test_it(phone, request):
            phone.dial("support").hears("Press 1").press("1")
            phone.wait(5)
            with pathlib.Path("transcripts").open("a") as file:
                file.write(phone.transcript)
        """
    )
    texts = []
    for _ in range(2):
        run(project, "-k", "plivo").assert_outcomes(passed=1)
        texts.append((project.path / "transcripts").read_text())
        (project.path / "transcripts").unlink()
    assert texts[0] == texts[1] != ""


def test_projects_without_a_phone_pay_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it(): assert 'flask' not in sys.modules")
    result = pytester.runpytest_subprocess(*QUICKLY)
    result.assert_outcomes(passed=1)


SHOP_WITH_FLOWS = """
import pytest
from flask import Flask

from callflows import CallFlows


@pytest.fixture(scope="session")
def phone_app(phone_settings):
    app = Flask("shop")
    callflows = CallFlows(app, {**phone_settings, "DEADLINE": 10})

    @callflows.context_processor(seconds=3)
    def customer(call):
        names = {"+14155550111": "Ann"}
        return {"customer_name": names[call.from_number]}

    return app
"""


def test_an_application_with_callflows_in_it_gives_its_values(project: pytest.Pytester) -> None:
    toml = '[context.customer_name]\ndefault = "friend"\n'
    menu = "<Response><Speak>Hello {{ customer_name }}.</Speak><Wait length='9'/></Response>"
    write_flow(project.path / "templates", "greet", toml, answer=menu, aleg=menu, bleg=menu)
    project.makeconftest(SHOP_WITH_FLOWS)
    project.makepyfile(
        """
        def test_who_is_known(phone):
            call = phone.dial("greet", caller="+14155550111").hears("Hello Ann")
            phone.transfer(call, aleg="greet")
            call.hears("Hello Ann")

        def test_who_is_not(phone):
            phone.dial("greet", caller="+14155550112").hears("Hello friend")
        """
    )
    run(project).assert_outcomes(passed=4)
