"""Tests as people write them: classes, unittest, late requests, several phones; and what is said of wrong use."""

from __future__ import annotations

import json

import pytest

from ..conftest import REPOSITORY, write_flow
from .conftest import AGENT, run


def test_every_style_of_test_has_its_phone(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import unittest
        import pytest

        class TestClass:
            @pytest.fixture
            def call(self, phone):
                return phone.dial("support").hears("Press 1")

            @pytest.mark.parametrize("keys", ["1", "2"])
            def test_it(self, call, keys):
                call.press(keys)

        def test_asked_for_late(request):
            request.getfixturevalue("phone").dial("support").hears("Press 1")

        class TestUnittest(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, phone):
                self.phone = phone

            def test_it(self):
                self.phone.dial("support").hears("Press 1")
        """
    )
    run(project, "--strict-markers").assert_outcomes(passed=6)


def test_an_earlier_phone_is_of_no_use_once_there_is_a_later_one(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        def test_it(phone, phone_on):
            call = phone.dial("support").hears("Press 1")
            phone_on().dial("support").hears("Press 1")
            with pytest.raises(ValueError, match="a later one was made"):
                call.hears("Goodbye")
            assert "calls" in phone.transcript
        """
    )
    run(project, "-k", "plivo").assert_outcomes(passed=1)


def test_what_is_refused_is_told_at_the_users_own_line(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_target(phone):
            phone.dial("supprot")

        def test_behaviour(phone):
            phone.number("+14155550123", "sleepy")
        """
    )
    result = run(project, "-k", "plivo")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "there is no flow 'supprot' (did you mean support?)" in text
    assert ".py:2: FlowNotFound" in text
    assert ".py:5: ValueError" in text
    assert "site-packages" not in text
    assert "phone.py" not in text


def test_a_long_transcript_is_told_by_its_ends(project: pytest.Pytester) -> None:
    loop = (
        "<Response><Speak>Please hold.</Speak><Wait length='60'/><Redirect>{{ step_url('aleg') }}</Redirect></Response>"
    )
    write_flow(project.path / "templates", "loop", aleg=loop)
    (project.path / "for-ever.scenario").write_text("on plivo\ndial loop/aleg\nis hung up 4010\n")
    text = run(project).stdout.str()
    assert "for-ever.scenario:3: is hung up 4010: +14155550101 was hung up with 6000 (Scheduled Hangup)" in text
    assert "more lines ..." in text
    assert text.count("hears") < 100
    assert "traceback" not in text.lower()


def test_what_only_carrying_out_shows_is_told_with_its_line(project: pytest.Pytester) -> None:
    (project.path / "a sleepy person.scenario").write_text("on plivo\nnumber +14155550123 sleepy\ndial support\n")
    text = run(project).stdout.str()
    assert "\na sleepy person.scenario:2: behaviour is one of answers, busy" in text


def test_coverage_counts_what_flows_share_and_dials_that_report_to_another_flow(project: pytest.Pytester) -> None:
    templates = project.path / "templates"
    action = "{{ flow_url('after', 'over') }}"
    dial = f'<Dial callerId="+14155550100" action="{action}"><Number>{AGENT}</Number></Dial>'
    write_flow(templates, "before", answer="<Response>{% include '_shared/greeting.xml' %}" + dial + "</Response>")
    write_flow(templates, "after", over="<Response><Speak>Over.</Speak></Response>")
    (templates / "_shared").mkdir()
    greeting = "{% if call.caller_name %}<Speak>Hello.</Speak>{% else %}<Speak>Stranger.</Speak>{% endif %}"
    (templates / "_shared/greeting.xml").write_text(greeting)
    project.makepyfile(f"def test_it(phone): phone.dial('before').hears('Stranger').is_connected_to('{AGENT}')")
    result = run(project, "-k", "plivo", "--phone-coverage=new/folder/coverage.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["_shared *branches 1/2", "*_shared/greeting.xml:1 was not taken: {% if call.caller_name %}"]
    )
    found = json.loads((project.path / "new/folder/coverage.json").read_text())
    assert found["after"]["dial_results"] == {"over": []}


def test_coverage_is_not_written_over_a_test(project: pytest.Pytester) -> None:
    path = project.makepyfile("def test_it(phone): pass")
    result = run(project, "--phone-coverage", path.name)
    assert "the file's name ends in .json" in result.stderr.str()
    assert "test_it" in path.read_text()


def test_another_page_of_an_application_that_holds_callflows(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import flask, pytest
        from callflows import CallFlows

        @pytest.fixture(scope="session")
        def phone_app(phone_settings):
            app = flask.Flask("mine")
            CallFlows(app, {**phone_settings, "PUBLIC_URL": "https://my.test/calls"})
            page = "<Response><Speak>My own page</Speak></Response>"
            app.add_url_rule("/own", view_func=lambda: flask.Response(page, mimetype="text/xml"), methods=["POST"])
            return app
        """
    )
    project.makepyfile(
        """
        import pytest

        def test_it(phone):
            phone.dial("/own").hears("my own page")
            call = phone.dial("hold/aleg").hears("please hold")
            with pytest.raises(ValueError, match="to flows, or to other pages, not to both"):
                phone.transfer(call, aleg="hold", bleg="/own")
        """
    )
    run(project).assert_outcomes(passed=2)


def test_the_package_says_that_it_is_typed() -> None:
    assert (REPOSITORY / "callflows/py.typed").exists()
