"""Prompts in several languages: which language a call is in, what is said when a text is missing, what check says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows import Flow, FlowSource, load_flow, render
from callflows.models import CallEvent, CallValues, EventKind
from callflows.signing import Token
from tests.exploring.trying import explored, lines

from .rooms import context, refused

EN = 'hello = "Hello {name}."\nonly = "Only English."\n[menu]\nsales = "Sales"\n'
DE = 'hello = "Hallo {name}."\n[menu]\nsales = "Vertrieb"\n'
SAY = "{% set text = t('KEY', name='Ann') %}{{ text.language }} {{ text }}"


def flow(template: str = "<R/>", toml: str = "", **texts: str) -> Flow:
    files = {"s/aleg.xml": template, "s/flow.toml": toml}
    files |= {f"s/texts/{name.replace('_', '-')}.toml": text for name, text in texts.items()}
    return load_flow(FlowSource("s", {name: text.encode() for name, text in files.items()}))


def said(key: str, toml: str = "", **how: Any) -> str:
    of = flow(SAY.replace("KEY", key), toml, en_US=EN, de_DE=DE)
    return render(of.environment, "s/aleg.xml", context(of, **how), seconds=5)


def caller(number: str, direction: str = "inbound") -> CallEvent:
    mine = CallValues(from_number=number, to_number="+14155550100", direction=direction)
    theirs = CallValues(from_number="+14155550100", to_number=number, direction=direction)
    return CallEvent(EventKind.DOCUMENT, mine if direction == "inbound" else theirs)


PARAM = "[params.language]\ntype = 'choice'\nchoices = ['en-US', 'de-DE']\n"


@pytest.mark.parametrize(
    ("toml", "how", "expected"),
    [
        ("", {}, "en-US Hello Ann."),
        ("", {"token": Token(state={"language": "de-DE"})}, "de-DE Hallo Ann."),
        ("", {"token": Token(state={"language": "DE-de"})}, "de-DE Hallo Ann."),
        ("", {"token": Token(state={"language": "de-AT"})}, "de-DE Hallo Ann."),
        ("", {"token": Token(state={"language": "tlh"})}, "en-US Hello Ann."),
        ("", {"token": Token(state={"language": 7})}, "en-US Hello Ann."),
        (PARAM, {"token": Token(params={"language": "de-DE"})}, "de-DE Hallo Ann."),
        (PARAM, {"token": Token(params={"language": "de-DE"}, state={"language": "en-US"})}, "en-US Hello Ann."),
        ("languages = { '+49' = 'de-DE', '+4989' = 'en-US' }", {"event": caller("+4930901820")}, "de-DE Hallo Ann."),
        ("languages = { '+49' = 'de-DE', '+4989' = 'en-US' }", {"event": caller("+498912345")}, "en-US Hello Ann."),
        ("languages = { '+49' = 'de-DE' }", {"event": caller("+4930901820", "outbound")}, "de-DE Hallo Ann."),
        ("languages = { '+49' = 'de-DE' }", {"event": caller("anonymous")}, "en-US Hello Ann."),
        ("language = 'de-DE'", {}, "de-DE Hallo Ann."),
    ],
)
def test_the_language_of_a_call(toml: str, how: dict[str, Any], expected: str) -> None:
    assert said("hello", toml, **how) == expected


def test_a_missing_translation_is_said_in_the_flows_own_language_and_voice() -> None:
    token = Token(state={"language": "de-DE"})
    assert said("menu.sales", token=token) == "de-DE Vertrieb"
    assert said("only", token=token) == "en-US Only English."
    assert said("only", "language = 'fr-FR'") == "en-US Only English."


def test_shared_texts_are_there_for_whoever_asks_for_their_language() -> None:
    files = {
        "s/aleg.xml": b"{{ t('x') }} {{ t('y') }} {{ flow.language }}",
        "s/flow.toml": b"[params.language]\ntype = 'choice'\nchoices = ['en-US', 'es-ES']\n",
        "s/texts/en-US.toml": b"x = 'own'",
        "_shared/texts/en-US.toml": b"x = 'shared'\ny = 'shared y'",
        "_shared/texts/es-ES.toml": b"y = 'compartido'",
        "_shared/texts/fr-FR.toml": b"y = 'commun'",
    }
    loaded = load_flow(FlowSource("s", files))

    def rendered(**token: Any) -> str:
        return render(loaded.environment, "s/aleg.xml", context(loaded, token=Token(**token)), seconds=5)

    assert rendered() == "own shared y en-US"
    assert rendered(params={"language": "es-ES"}) == "own compartido es-ES"
    assert rendered(state={"language": "fr-FR"}) == "own shared y en-US"  # nobody said that this flow speaks French
    assert [(each.code, each.file) for each in loaded.problems] == [("flow.translation", "_shared/texts/es-ES.toml")]


def test_text_from_outside_stays_text() -> None:
    template = "{{ t('hello', name='<Hangup/>{x}') }}"
    loaded = flow(template, en_US='hello = "Hello {name}."')
    assert render(loaded.environment, "s/aleg.xml", context(loaded), seconds=5) == "Hello &lt;Hangup/&gt;{x}."


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        ("t('helo')", "there is no text 'helo'", "did you mean hello?"),
        ("t('hello')", "needs a value for {name}", "t('hello', name=...)"),
        ("t('hello', name=[1])", "a list cannot be written", ""),
        ("t(7)", "there is no text 7", ""),
        ("t()", "missing 1 required", ""),
    ],
)
def test_a_wrong_call_is_said_in_words(call: str, message: str, hint: str) -> None:
    problem = refused("{{ " + call + " }}", **context(flow(en_US=EN)))
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("texts", "toml", "expected"),
    [
        ({"en_US": EN, "de_DE": DE}, "", [("flow.translation", "warning", None, "de-DE lacks only")]),
        ({"en_US": EN}, PARAM, [("flow.translation", "warning", None, "de-DE lacks hello, only, menu.sales")]),
        (
            {"en_US": 'a = "{x}"', "de_DE": 'a = "{y}"'},
            "",
            [("flow.translation", "warning", 1, "slot {x}"), ("flow.translation", "warning", 1, "slot {y}")],
        ),
        ({"en_US": "a = 1"}, "", [("flow.texts", "error", 1, "a must be text")]),
        ({"en_US": "a = "}, "", [("flow.toml", "error", 1, "no value")]),
        ({"english": "a = 'x'"}, "", [("flow.texts", "error", None, "'english' is no language")]),
        ({}, "languages = { '49' = 'de-DE' }", [("flow.toml", "error", 1, "no beginning of a number")]),
        ({}, "languages = { '+49' = 'german!' }", [("flow.toml", "error", 1, "must be a language")]),
    ],
)
def test_what_check_says_of_texts(
    texts: dict[str, str], toml: str, expected: list[tuple[str, str, int | None, str]]
) -> None:
    found = flow(toml=toml, **texts).problems
    told = [(p.code, str(p.severity), p.line) for p in found if p.code != "flow.unused-param"]
    assert told == [each[:3] for each in expected]
    for problem, (*_, message) in zip(found, expected, strict=True):
        assert message in problem.message


@given(st.text(max_size=300))
def test_no_file_breaks_the_reader(data: str) -> None:
    load_flow(FlowSource("s", {"s/aleg.xml": b"<R/>", "s/texts/en-US.toml": data.encode("utf-8", "surrogatepass")}))


def test_every_language_is_tried_before_a_save_goes_live(tmp_path: Path) -> None:
    template = '<Response><Speak language="{{ t("a").language }}">{{ t("a") }}</Speak><Hangup/></Response>'
    files = {"answer.xml": template, "support/texts/en-US.toml": "a = 'x'", "support/texts/xx-YY.toml": "a = 'y'"}
    found = explored(tmp_path, files)
    assert lines(found, warnings=False) == ["support/answer.xml:1 grammar.bad-value"]
    assert "xx-YY" in found.problems[0].message


def test_a_text_of_many_slots_is_not_made_when_it_would_be_too_large() -> None:
    of = flow("<R/>", en_US="long = '" + "{x}" * 5000 + "'\n")
    problem = refused("{{ t('long', x='a' * 90000) }}", **context(of))
    assert (problem.code, problem.line) == ("template.size", 1)
