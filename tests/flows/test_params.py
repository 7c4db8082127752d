"""Parameters come from the command line as text and from JSON as anything: they fit their type, or say why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.errors import ParamInvalid
from callflows.flows import resolve_params
from callflows.flows.params import ParamSpec, examples, with_defaults

CHOICES = ("sales", "support")
SPECS = {
    kind: ParamSpec(type=kind, choices=CHOICES if kind == "choice" else ())  # type: ignore[arg-type]
    for kind in ("phone", "text", "digits", "integer", "boolean", "choice", "url", "sip")
}
NOT_TEXT = [None, 1.5, float("nan"), float("inf"), [], ["a"], {}, {"a": 1}, b"a", object()]


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(50_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("phone", "+14155550123", "+14155550123"),
        ("phone", "14155550123", "+14155550123"),
        ("phone", 14155550123, "+14155550123"),
        ("phone", " +1 (415) 555-01.23 ", "+14155550123"),
        ("phone", "+14155550123\n", "+14155550123"),
        ("text", " a ", "a"),
        ("text", "", ""),
        ("text", 5, "5"),
        ("text", "<b>&\"'</b>", "<b>&\"'</b>"),
        ("text", "a\x00\ue002b\ud800", "ab"),
        ("text", "a\r\nb", "a\nb"),
        ("text", "x" * 1000, "x" * 1000),
        ("digits", "12*#w", "12*#w"),
        ("digits", 12, "12"),
        ("integer", "5", 5),
        ("integer", " -5 ", -5),
        ("integer", 5, 5),
        ("integer", "007", 7),
        ("boolean", True, True),
        ("boolean", "Yes", True),
        ("boolean", "OFF", False),
        ("boolean", 0, False),
        ("choice", "sales", "sales"),
        ("url", "https://x.example.com/a?b=c#d", "https://x.example.com/a?b=c#d"),
        ("url", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ("sip", "sip:agent@example.com", "sip:agent@example.com"),
        ("sip", "sips:agent+1@example.com:5061;transport=tls", "sips:agent+1@example.com:5061;transport=tls"),
    ],
)
def test_a_value_of_its_type_is_taken(kind: str, given: object, value: object) -> None:
    found = resolve_params(SPECS, {kind: given}, "menu")[kind]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((kind, value) for kind in SPECS for value in NOT_TEXT),
        ("phone", ""),
        ("phone", "123456"),
        ("phone", "0041445550123"),
        ("phone", "++14155550123"),
        ("phone", "tel:+14155550123"),
        ("phone", "sip:14155550123@example.com"),
        ("phone", "+1415555012３"),
        ("phone", "+1415555\n0123"),
        ("phone", "+14155550123,+14155550124"),
        ("phone", "+1415555012345678"),
        ("phone", "call me"),
        ("phone", True),
        ("text", True),
        ("text", "x" * 1001),
        ("digits", ""),
        ("digits", "１"),
        ("digits", "1 2"),
        ("digits", "1" * 65),
        ("integer", ""),
        ("integer", "+5"),
        ("integer", "1_000"),
        ("integer", "٥"),
        ("integer", "5.0"),
        ("integer", 5.0),
        ("integer", True),
        ("integer", "1e3"),
        ("integer", "0x10"),
        ("integer", "5\n6"),
        ("integer", 10**13),
        ("boolean", ""),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("boolean", 1.0),
        ("boolean", "ｔrue"),
        ("choice", "Sales"),
        ("choice", ""),
        ("url", ""),
        ("url", "example.com"),
        ("url", "//example.com/x"),
        ("url", "/x"),
        ("url", "javascript:alert(1)"),
        ("url", "file:///etc/passwd"),
        ("url", "https://"),
        ("url", "https://user@example.com/"),
        ("url", "https://user:pw@example.com/"),
        ("url", "https://:pw@example.com/"),
        ("url", "https://@example.com/"),
        ("url", "https://exa mple.com/"),
        ("url", "https://example.com/\tx"),
        ("url", "https://example.com/\nx"),
        ("url", "https://example.com:99999/"),
        ("url", "https://example.com:x/"),
        ("url", "https://[::1/"),
        ("url", 'https://example.com/"x'),
        ("url", "https://exämple.com/"),
        ("url", "https:\\\\example.com"),
        ("sip", "agent@example.com"),
        ("sip", "sip:example.com"),
        ("sip", "sip:a b@example.com"),
        ("sip", "sip:agent@example.com?Replaces=x"),
        ("sip", "tel:+14155550123"),
        ("sip", "sip:a@b\nX: y"),
    ],
)
def test_a_value_that_does_not_fit_is_one_clear_error(kind: str, given: object) -> None:
    with pytest.raises(ParamInvalid) as caught:
        resolve_params(SPECS, {kind: given}, "menu")
    assert f"param {kind} of menu" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("kind", SPECS)
def test_a_value_of_any_depth_is_refused_without_a_traceback(kind: str) -> None:
    with pytest.raises(ParamInvalid):
        resolve_params(SPECS, {kind: deep()}, "menu")


def test_everything_wrong_is_said_at_once() -> None:
    specs = SPECS | {"to": ParamSpec(type="phone", required=True, example="+14155550123")}
    with pytest.raises(ParamInvalid) as caught:
        resolve_params(specs, {"integer": "x", "chioce": "sales", "choice": "suport", "phone": None}, "menu")
    text = str(caught.value)
    assert "param integer of menu must be a whole number" in text
    assert "no param 'chioce': did you mean choice?" in text
    assert "did you mean support?" in text
    assert "param phone of menu must be text" in text
    assert "needs the param to (phone), for example --set to=+14155550123" in text


def test_a_required_text_must_not_be_empty() -> None:
    specs = {"name": ParamSpec(type="text", required=True, example="x")}
    with pytest.raises(ParamInvalid, match="must not be empty"):
        resolve_params(specs, {"name": " "}, "menu")


def test_a_flow_without_params_says_so() -> None:
    with pytest.raises(ParamInvalid, match="it takes none"):
        resolve_params({}, {"x": "1"}, "menu")


def test_templates_see_every_declared_name() -> None:
    specs = {
        "to": ParamSpec(type="phone", required=True, example="14155550123"),
        "times": ParamSpec(type="integer", default=3),
        "phone": ParamSpec(type="phone", default="1 415 555 0124"),
        "note": ParamSpec(),
    }
    assert with_defaults(specs, {"to": "+1"}) == {"to": "+1", "times": 3, "phone": "+14155550124", "note": ""}
    assert examples(specs) == {"to": "+14155550123"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda more: st.lists(more) | st.dictionaries(st.text(), more),
)


@given(kind=st.sampled_from(sorted(SPECS)), value=anything)
def test_whatever_is_given_is_a_scalar_or_one_error(kind: str, value: object) -> None:
    try:
        found = resolve_params(SPECS, {kind: value}, "menu")
    except ParamInvalid:
        return
    assert isinstance(found[kind], str | int | bool)


@given(st.text(alphabet="+0123456789 ()-.tel:\n٣３", max_size=24))
def test_a_phone_number_is_a_plus_and_7_to_15_digits(text: str) -> None:
    try:
        found = str(resolve_params(SPECS, {"phone": text}, "menu")["phone"])
    except ParamInvalid:
        return
    assert found[0] == "+"
    assert found[1:].isascii()
    assert found[1:].isdecimal()
    assert 7 <= len(found[1:]) <= 15
