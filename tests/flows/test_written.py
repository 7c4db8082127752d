"""Numbers an author wrote to be dialled stand in `written`; those only asked about do not."""

from __future__ import annotations

import pytest

from callflows.flows import FlowSource, load_flow

NUMBER = "+14155550123"


def is_written(template: str = "<Response/>", **files: str) -> bool:
    named = {name.replace("__", "/").replace("_dot_", "."): text.encode() for name, text in files.items()}
    flow = load_flow(FlowSource("menu", {"menu/aleg.xml": template.encode(), **named}))
    return any(NUMBER in text for text in flow.written)


@pytest.mark.parametrize(
    "template",
    [
        f"<Number>{NUMBER}</Number>",
        f'<Dial callerId="{NUMBER}"/>',
        f"{{{{ '{NUMBER}' }}}}",
        f"{{% set to = '{NUMBER}' %}}",
        f"{{% set to = {{'sales': '{NUMBER}'}} %}}",
        f"{{% for to in ['{NUMBER}'] %}}{{{{ to }}}}{{% endfor %}}",
        f"{{{{ state.to|default('{NUMBER}') }}}}",
        f"{{{{ '{NUMBER}' if call.from_number == '+1' else '' }}}}",
        f"{{{{ step_url('done', to='{NUMBER}') }}}}",
        f"{{% macro dial(to='{NUMBER}') %}}{{{{ to }}}}{{% endmacro %}}",
    ],
)
def test_numbers_to_dial_are_written(template: str) -> None:
    assert is_written(template)


@pytest.mark.parametrize(
    "template",
    [
        f"{{% if call.from_number == '{NUMBER}' %}}x{{% endif %}}",
        f"{{% if '{NUMBER}' != call.from_number %}}x{{% endif %}}",
        f"{{% if call.from_number in ['{NUMBER}', '+1'] %}}x{{% endif %}}",
        f"{{% if call.from_number is eq('{NUMBER}') %}}x{{% endif %}}",
        f"{{{{ 'x' if call.from_number == '{NUMBER}' else 'y' }}}}",
        f"{{# {NUMBER} #}}",
        "{{ '+1415' ~ '5550123' }}",
    ],
)
def test_numbers_that_are_only_asked_about_are_not(template: str) -> None:
    assert not is_written(template)


def test_tables_and_flow_toml_are_written() -> None:
    assert is_written(menu__flow_dot_toml=f'[params.to]\ntype = "phone"\ndefault = "{NUMBER}"')
    assert is_written(menu__people_dot_csv=f"name,number\nAnn,{NUMBER}\n")
    assert is_written(menu__people_dot_toml=f'ann = "{NUMBER}"')
    assert is_written(_shared__part_dot_xml=f"<Number>{NUMBER}</Number>")


def test_audio_and_a_broken_template_are_not() -> None:
    assert not is_written(menu__x_dot_wav=NUMBER)
    assert not is_written(f"{NUMBER}{{% if %}}")
    assert not is_written("{{ " + "(" * 2000 + f"'{NUMBER}'" + ")" * 2000 + " }}")
