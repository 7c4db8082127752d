"""The context is a contract: the documented names are there in every step, and its links say what they should."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree

from callflows.errors import CallflowsError, FlowNotFound, ParamInvalid, TokenTooLong
from callflows.flows import FlowSource, Links, build_context, load_flow, render
from callflows.flows.context import CONTEXT
from callflows.marks import LINK_CLOSE, LINK_OPEN
from callflows.models import CallEvent, CallValues, EventKind
from callflows.signing import IN_CALL_SECONDS, Token, TokenSigner
from callflows.urls import PublicUrls

from .rooms import BASE, CALL, context, flow, links, refused

SIGNER = TokenSigner(["key-of-tests"])
PARAMS = "[params.to]\ntype = 'phone'\nrequired = true\nexample = '+14155550123'\n[params.note]\n"
OTHERS = {"en-US": "For English, press 8.", "es-ES": "Para español, pulse 8."}
DOCUMENTED = {
    "call": "uuid from_number to_number direction status caller_name forwarded_from a_leg_uuid request_uuid "
    "sip_headers",
    "input": "digits speech confidence type",
    "dial": "status hangup_cause b_leg_uuid",
    "recording": "url id duration",
    "transfer": "id room other_leg_fetched other_leg_ended room_occupied",
    "flow": "name title language",
    "queue": "name position waiting ahead behind",
}


def test_the_documented_names_are_the_names_there_are() -> None:
    assert set(context(flow(aleg="<R/>"))) == set(CONTEXT)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_field_exists_and_is_empty_when_absent(name: str) -> None:
    value = context(flow(aleg="<R/>"), event=CallEvent(EventKind.OTHER))[name]
    for field in DOCUMENTED[name].split():
        assert re.search(rf"\b{field}\b", CONTEXT[name])
        found = getattr(value, field)
        assert found == "" or name == "flow" or (field == "sip_headers" and dict(found) == {})


def test_a_text_in_another_language_than_the_calls() -> None:
    files = {f"menu/texts/{name}.toml": f'other = "{text}"'.encode() for name, text in OTHERS.items()}
    of = load_flow(FlowSource("menu", {"menu/aleg.xml": b"<R/>", **files}))
    text = context(of)["t"]("other", language="es-ES")
    assert (str(text), text.language, context(of)["flow"].language) == (OTHERS["es-ES"], "es-ES", "en-US")


def test_nothing_in_the_context_but_plain_data_and_the_documented_functions() -> None:
    functions = set()
    for name, value in context(flow(aleg="<R/>")).items():
        if callable(value):
            functions.add(name)
            continue
        fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        for part in [getattr(value, field.name) for field in fields] or [value]:
            assert isinstance(part, str | datetime | Mapping), name
    assert functions == {"step_url", "flow_url", "events_url", "audio_url", "t", "table", "open"}


def test_params_are_those_of_the_token_and_every_declared_one_exists() -> None:
    of = flow(aleg="<R/>", toml=PARAMS)
    assert context(of, token=Token(params={"to": "+1", "gone": "x"}))["params"] == {"to": "+1", "note": ""}


def test_the_leg_is_the_tokens_or_the_steps() -> None:
    of = flow(aleg="<R/>", bleg="<R/>")
    assert [context(of, step)["leg"] for step in ("aleg", "bleg")] == ["aleg", "bleg"]
    assert context(of, "bleg", token=Token(leg="aleg"))["leg"] == "aleg"


def tokens(template: str, of_step: str = "aleg", **how: Any) -> tuple[str, Links]:
    of = load_flow(FlowSource("menu", {f"menu/{of_step}.xml": template.encode(), "menu/done.xml": b"<R/>"}))
    made = links(how.pop("fragment", ""))
    return render(of.environment, f"menu/{of_step}.xml", context(of, of_step, links=made, **how), seconds=5), made


def test_a_step_url_carries_the_call_onward() -> None:
    before = Token(transfer_id="t1", params={"to": "+1"}, state={"a": 1, "b": "x"}, hops=4, tries=2, version="menu-old")
    _, made = tokens("{{ step_url('done', b='y', c=true, d=call.from_number) }}", token=before)
    ((path, token),) = made.tokens
    assert path == "/flows/plivo/menu/done"
    assert token.version.startswith("menu-")
    assert token == Token(
        call_uuid=CALL.uuid,
        transfer_id="t1",
        leg="aleg",
        params={"to": "+1"},
        state={"a": 1, "b": "y", "c": True, "d": CALL.from_number},
        version=token.version,
        hops=5,
    )
    assert before.state == {"a": 1, "b": "x"}


def test_the_first_fetch_tells_the_call_a_token_without_one_is_for() -> None:
    event = CallEvent(EventKind.DOCUMENT, CallValues())
    _, made = tokens("{{ step_url('done') }}", token=Token(call_uuid="known"), event=event)
    assert made.tokens[0][1].call_uuid == "known"


def test_states_keep_their_types_and_lose_their_markup() -> None:
    _, made = tokens("{% set x %}<b>\ue002{% endset %}{{ step_url('done', a=x, b=1 > 0, c=7) }}".replace("\ue002", ""))
    state = made.tokens[0][1].state
    assert state == {"a": "<b>", "b": True, "c": 7}
    assert [type(value) for value in state.values()] == [str, bool, int]


@pytest.mark.parametrize("value", ["1.5", "none", "[1]", "{}", "step_url", "nope"])
def test_what_a_link_cannot_carry_is_refused(value: str) -> None:
    of = flow(aleg="<R/>")
    problem = refused(f"{{{{ step_url('aleg', x={value}) }}}}", **context(of))
    assert (problem.code, problem.line) == ("template.link", 1)


@pytest.mark.parametrize("name", ["items", "get", "keys", "values"])
def test_a_state_cannot_be_called_as_the_methods_that_read_it(name: str) -> None:
    assert f"called {name}" in refused(f"{{{{ step_url('aleg', {name}=1) }}}}", **context(flow(aleg="<R/>"))).message


def test_flow_url_enters_another_flow_with_params_of_its_own() -> None:
    other = flow("support", aleg="<R/>", bleg="<R/>", toml=PARAMS)
    of, made = flow(aleg="<R/>"), links()
    names = context(
        of, links=made, find_flow={"support": other}.get, token=Token(state={"a": 1}, params={"x": 1}, leg="bleg")
    )
    names["flow_url"]("support", to="1 415 555 0123")
    names["flow_url"]("support", "aleg", to="14155550123")
    (first, token), (second, _) = made.tokens
    assert (first, second) == ("/flows/plivo/support/bleg", "/flows/plivo/support/aleg")
    assert (token.params, token.state, token.version) == ({"to": "+14155550123"}, {}, other.version)
    for wrong in (lambda: names["flow_url"]("support"), lambda: names["flow_url"]("support", too="1")):
        with pytest.raises(ParamInvalid):
            wrong()
    with pytest.raises(FlowNotFound, match="support has no step 'blg'"):
        names["flow_url"]("support", "blg")
    with pytest.raises(FlowNotFound, match="there is no flow 'suport'"):
        names["flow_url"]("suport")


def test_audio_is_addressed_by_version_and_quoted() -> None:
    files = {"menu/aleg.xml": b"<R/>", "menu/audio/hold music & more.mp3": b"x", "menu/audio/old/x.mp3": b"y"}
    of = load_flow(FlowSource("menu", files))
    audio_url: Callable[[str], str] = context(of)["audio_url"]
    assert audio_url("hold music & more.mp3") == f"{BASE}/audio/{of.version}/hold%20music%20%26%20more.mp3"
    with pytest.raises(FlowNotFound, match="did you mean hold music"):
        audio_url("hold music.mp3")
    for name in ("x.mp3", "old/x.mp3", "../aleg.xml", ""):
        with pytest.raises(FlowNotFound):
            audio_url(name)


def test_sealing_puts_a_readable_token_into_every_link() -> None:
    template = "<R>{{ step_url('done', n=1) }} {{ events_url() }} {{ step_url('aleg', n=2) }}</R>"
    text, made = tokens(template, token=Token(params={"to": "+1"}), fragment="")
    assert text.count(LINK_OPEN) == text.count(LINK_CLOSE) == 3
    sealed = made.seal(text, SIGNER.sign, now=1000)
    found = re.findall(rf"{BASE}(/[^?]+)\?t=([\w.-]+)", sealed)
    read = [SIGNER.read(path, token, now=1000) for path, token in found]
    assert [path for path, _ in found] == ["/flows/plivo/menu/done", "/events/plivo", "/flows/plivo/menu/aleg"]
    assert [token.state for token in read] == [{"n": 1}, {}, {"n": 2}]
    assert [token.params for token in read] == [{"to": "+1"}, {}, {"to": "+1"}]
    assert {token.expires for token in read} == {1000 + IN_CALL_SECONDS}
    assert not re.search("[\ue000-\ue0ff]", sealed)


def test_ten_and_more_links_are_told_apart() -> None:
    template = "<R>{% for i in range(25) %}{{ step_url('done', n=i) }}\n{% endfor %}</R>"
    text, made = tokens(template)
    sealed = made.seal(text, SIGNER.sign)
    found = re.findall(r"\?t=([\w.-]+)", sealed)
    assert [SIGNER.read("/flows/plivo/menu/done", token).state["n"] for token in found] == list(range(25))


def test_the_platforms_settings_stand_after_the_token_and_are_escaped() -> None:
    text, made = tokens('<R action="{{ step_url("done") }}"/>', fragment="ct=2000&rt=4000&rc=2&rp=all")
    sealed = made.seal(text, lambda path, token: "TOKEN")
    assert "?t=TOKEN#ct=2000&amp;rt=4000&amp;rc=2&amp;rp=all" in sealed
    action = etree.fromstring(sealed).get("action")
    assert action == f"{BASE}/flows/plivo/menu/done?t=TOKEN#ct=2000&rt=4000&rc=2&rp=all"


def test_documents_are_equal_until_sealed_whoever_calls() -> None:
    template = "<R>{{ step_url('done', n=1) }}{{ events_url() }}{{ params }}</R>".replace("{{ params }}", "")
    calls = [CallEvent(EventKind.DOCUMENT, CallValues(uuid=uuid, from_number=f"+{uuid}")) for uuid in ("1", "2")]
    (one, made_one), (two, made_two) = (tokens(template, event=event) for event in calls)
    assert one == two
    assert made_one.seal(one, SIGNER.sign) != made_two.seal(two, SIGNER.sign)


def test_a_link_that_is_not_in_the_document_is_not_signed() -> None:
    text, made = tokens("{% set x = step_url('done', t='x' * 3000) %}<R/>")
    assert made.seal(text, SIGNER.sign) == "<R/>"
    text, made = tokens("{{ step_url('done', t='x' * 3000) }}")
    with pytest.raises(TokenTooLong) as caught:
        made.seal(text, SIGNER.sign)
    assert isinstance(caught.value, CallflowsError)


def test_a_title_cannot_forge_a_link() -> None:
    of = flow(aleg="{{ flow.title }}{{ step_url('aleg') }}", toml=f'title = "{LINK_OPEN}0{LINK_CLOSE}"')
    assert render(of.environment, "menu/aleg.xml", context(of), seconds=5).count(LINK_OPEN) == 1


def test_now_is_given_or_the_time_in_utc() -> None:
    of = flow(aleg="<R/>")
    assert context(of)["now"].tzinfo is UTC
    fixed = datetime(2026, 11, 23, tzinfo=UTC)
    made = Links(PublicUrls(BASE), "vobiz", "")
    event = CallEvent(EventKind.DOCUMENT, CALL, raw={"CallUUID": "x"})
    names = build_context(
        of, of.steps["aleg"], event=event, token=Token(), links=made, find_flow=lambda name: None, now=fixed
    )
    assert (names["now"], names["provider"], names["raw"]) == (fixed, "vobiz", {"CallUUID": "x"})
