"""Branches that only a request made for them reaches: each flow is good, and nothing may be said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trying import explored, lines

ASK = """<Response><GetInput action="{{ step_url('c') }}" method="POST" inputType="dtmf speech"><Speak>Press.</Speak>
</GetInput><Speak>Bye.</Speak></Response>"""
ROWS = '{% set rows = [{"key": "4", "to": "sales"}, {"key": "5", "to": "news"}] %}'
TABLE = '{% set menu = {"4": {"to": "sales"}, "5": {"to": "news"}} %}'
PICK = "{% macro pick(table, key) %}{% if key in table %}{{ table[key] }}{% else %}none{% endif %}{% endmacro %}"

WAYS = {
    "a list of dictionaries": ROWS
    + "{% for row in rows %}{% if row.key == input.digits %}{{ row.to }}{% endif %}{% endfor %}.",
    "selectattr": ROWS
    + '{% set row = rows | selectattr("key", "equalto", input.digits) | first | default(none) %}'
    + "{% if row %}{{ row.to }}{% else %}none{% endif %}",
    "a column of a table": '{% set rows = [("sales", "4"), ("news", "5")] %}'
    "{% for to, key in rows %}{% if key == input.digits %}{{ to }}{% endif %}{% endfor %}.",
    "a dictionary of dictionaries": '{% set rows = {"sales": {"key": "4"}} %}'
    "{% for to, row in rows.items() %}{% if row.key == input.digits %}{{ to }}{% endif %}{% endfor %}.",
    "a table of another file": '{% import "support/_table.xml" as rows %}'
    "{% if input.digits in rows.menu %}{{ rows.menu[input.digits].to }}{% else %}none{% endif %}",
    "got from a table of another file": '{% import "support/_table.xml" as rows %}'
    "{% set row = rows.menu.get(input.digits) %}{% if row %}{{ row.to }}{% else %}none{% endif %}",
    "a table passed on": PICK + '{{ pick({"4": "sales"}, input.digits) }}',
    "an argument by default": '{% macro m(key=input.digits) %}{% if key == "6" %}a{% else %}b{% endif %}{% endmacro %}'
    "{{ m() }}",
    "the value of a param": "{% if input.digits == params.pin %}a{% else %}b{% endif %}",
    "the length of a param": "{% if input.digits | length == params.pin | length %}a{% else %}b{% endif %}",
    "a list in a param": '{% if input.digits in params.pin.split(",") %}a{% else %}b{% endif %}',
    "an hour from a param": "{% if now.weekday() < 5 and now.hour < params.opens %}a{% else %}b{% endif %}",
    "an hour of another day": '{% set hours = {0: (9, 17), 1: (9, 17)} %}{% set today = hours.get(now.weekday()) %}'
    "{% if not today %}a{% elif today[0] <= now.hour < today[1] %}b{% else %}c{% endif %}",
    "a dictionary's values": '{% set rows = {"sales": {"key": "4"}} %}'
    "{% for row in rows.values() %}{% if row.key == input.digits %}a{% endif %}{% endfor %}.",
    "the place in a dictionary's values": '{% set menu = {"sales": "4", "news": "5"} %}'
    "{% set place = state.place | default(0) + 1 %}{% set rows = menu.values() | list %}"
    "{% if place < rows | length %}{{ rows[place] }}{% else %}none{% endif %}",
    "the place in a list": '{% set rows = ["zero", "one"] %}{% set n = input.digits | int(-1) %}'
    "{% if 0 <= n < rows | length %}{{ rows[n] }}{% else %}none{% endif %}",
    "four conditions": '{% if input.digits == "1" and params.vip and params.lang == "fr" and now.hour < 9 %}a'
    '{% elif input.digits == "2" and dial.status == "" and call.from_number.startswith("+44") %}b{% endif %}c',
}  # fmt: skip
PARAMS = {
    "pin": '[params.pin]\ntype = "text"\ndefault = "4711,12"\n',
    "opens": '[params.opens]\ntype = "integer"\ndefault = 9\n',
    "vip": '[params.vip]\ntype = "boolean"\ndefault = false\n',
    "lang": '[params.lang]\ntype = "choice"\nchoices = ["en", "fr", "de"]\ndefault = "en"\n',
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_no_branch_is_missed(tmp_path: Path, text: str) -> None:
    params = "".join(table for name, table in PARAMS.items() if f"params.{name}" in text)
    if "length" in text or "== params.pin" in text:
        params = params.replace("4711,12", "4711")
    files = {
        "flow.toml": f'title = "x"\n{params}',
        "answer.xml": ASK,
        "c.xml": f"<Response><Speak>{text}</Speak></Response>",
    }
    if "_table" in text:
        files["_table.xml"] = TABLE

    assert lines(explored(tmp_path, files)) == []


def test_the_elements_of_a_list_are_no_index(tmp_path: Path) -> None:
    text = """{% set numbers = ["+14155550123", "+14155550124"] %}{% set i = state.i | default(0) %}
<Response>{% if i < numbers | length %}<Speak>{{ numbers[i] }}</Speak>
<Redirect>{{ step_url("aleg", i=i + 1) }}</Redirect>{% else %}<Speak>Nobody.</Speak>{% endif %}</Response>"""

    assert lines(explored(tmp_path, {"flow.toml": 'title = "x"\n', "aleg.xml": text})) == []


def test_what_a_step_compares_with_is_tried_however_many_links_carry_other_values(tmp_path: Path) -> None:
    links = "".join(
        f"""<GetInput action="{{{{ step_url('c', who='{who}') }}}}" inputType="dtmf"/>""" for who in "abcdefg"
    )
    files = {
        "flow.toml": 'title = "x"\n',
        "answer.xml": f"<Response>{links}<Hangup/></Response>",
        "c.xml": '<Response><Speak>{{ "last" if state.who == "g" else "others" }}</Speak></Response>',
    }

    assert lines(explored(tmp_path, files)) == []


@pytest.mark.parametrize("required", ["true", "false"])
def test_an_address_that_serves_as_an_example_is_not_held_against_the_flow(tmp_path: Path, required: str) -> None:
    param = f'[params.agent]\ntype = "sip"\nrequired = {required}\nexample = "sip:agent@phone.example.org"\n'
    text = """<Response><Speak>Hello.</Speak>{% if params.agent %}<Dial callerId="+14155550100">
<User>{{ params.agent }}</User></Dial>{% endif %}<Hangup/></Response>"""

    assert lines(explored(tmp_path, {"flow.toml": f'title = "x"\n{param}', "aleg.xml": text})) == []


def test_one_lookup_that_fails_is_told_once(tmp_path: Path) -> None:
    text = """<Response>{% set words = {"busy": "B"} %}
<Speak>{{ words[dial.status] }}</Speak></Response>"""

    found = explored(tmp_path, {"flow.toml": 'title = "x"\n', "aleg.xml": text})

    assert lines(found) == ["support/aleg.xml:2 template.undefined"]


def test_what_both_dialects_show_is_told_once(tmp_path: Path) -> None:
    text = """<Response>
<GetInput action="{{ step_url('answer') }}" method="POST" inputType="dtmf"><Speak>Press.</Speak></GetInput>
</Response>"""

    found = explored(tmp_path, {"flow.toml": 'title = "x"\n', "answer.xml": text})

    assert lines(found) == ["support/answer.xml:2 rule.no-fall-through"]
