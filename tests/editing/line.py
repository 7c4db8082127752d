"""The flow that is edited in the trial. Each save of it is a set of files that bear the same number: two steps, what
one of them includes, and a shared macro. An answer in which two numbers differ comes from half a set.
"""

from __future__ import annotations

from pathlib import Path

SHARED = "_shared/words.xml"
PART = "line/_part.xml"
ANSWER = "line/answer.xml"
TURN = "line/turn.xml"

_FILES = {
    SHARED: """{{% macro words(text) %}}<Speak>set {number}: {{{{ text }}}}</Speak>{{% endmacro %}}
""",
    PART: """<Speak>set {number}: please wait.</Speak>
<Wait length="1"/>
""",
    ANSWER: """{{% from "_shared/words.xml" import words %}}
<Response>
  <Speak>set {number}: hello.</Speak>
  {{{{ words("welcome") }}}}
  {{% include "line/_part.xml" %}}
  <Redirect method="POST">{{{{ step_url("turn", from=number) }}}}</Redirect>
</Response>
""".replace("from=number", "said={number}"),
    TURN: """{{% from "_shared/words.xml" import words %}}
<Response>
  {{{{ words("again") }}}}
  <Speak>set {number}: bye.</Speak>
  <Hangup/>
</Response>
""",
}


def a_set(number: int) -> dict[str, str]:
    """Paths and texts of one save."""
    return {path: text.format(number=number) for path, text in _FILES.items()}


# What stands beside it: an ivr, of which there may be many, all with one shared file.

BLOCKS = "_shared/blocks.xml"
_BLOCKS = """{{% macro say(text) %}}<Speak language="{{{{ flow.language }}}}">{{{{ text }}}}</Speak>{{% endmacro %}}
{{% macro menu(step, text) %}}
<GetInput action="{{{{ step_url(step, tries=(state.tries | default(0)) + 1) }}}}" method="POST"
          inputType="dtmf speech" numDigits="1" executionTimeout="15">
  {{{{ say(text) }}}}
</GetInput>
{{% endmacro %}}
{{% macro connect(number, done) %}}
<Dial timeout="20" callerId="+14155550100" action="{{{{ step_url(done) }}}}" method="POST">
  <Number>{{{{ number }}}}</Number>
</Dial>
{{% endmacro %}}
{{% macro goodbye() %}}{{{{ say("Blocks {number}: goodbye.") }}}}<Hangup/>{{% endmacro %}}
"""
_IVR = {
    "flow.toml": """title = "Line"
fallback = "sorry"
[params.sales]
type = "phone"
default = "+14155550123"
""",
    "answer.xml": """{% from "_shared/blocks.xml" import menu, say, goodbye with context %}
<Response>
{% if state.tries | default(0) > 3 %}{{ goodbye() }}{% else %}
  {{ menu("choice", "For sales press 1, to leave a message press 3.") }}
  {{ goodbye() }}
{% endif %}
</Response>
""",
    "choice.xml": """{% from "_shared/blocks.xml" import say, connect with context %}
<Response>
{% if input.digits == "1" or input.speech == "sales" %}{{ say("Connecting you.") }}{{ connect(params.sales, "done") }}
{% elif input.digits == "3" %}<Redirect method="POST">{{ step_url("message") }}</Redirect>
{% else %}<Redirect method="POST">{{ step_url("answer", tries=(state.tries | default(0)) + 1) }}</Redirect>{% endif %}
</Response>
""",
    "done.xml": """{% from "_shared/blocks.xml" import say, goodbye with context %}
<Response>
{% if dial.status == "completed" %}<Hangup/>
{% elif dial.status == "busy" %}{{ say("The line is busy.") }}{{ goodbye() }}
{% else %}{{ say("Nobody is free.") }}<Redirect method="POST">{{ step_url("message") }}</Redirect>{% endif %}
</Response>
""",
    "message.xml": """{% from "_shared/blocks.xml" import say, goodbye with context %}
<Response>
  {{ say("Please leave a message after the tone.") }}
  <Record maxLength="120" redirect="false" callbackUrl="{{ events_url() }}" callbackMethod="POST"/>
  {{ goodbye() }}
</Response>
""",
    "sorry.xml": """{% from "_shared/blocks.xml" import goodbye with context %}
<Response>{{ goodbye() }}</Response>
""",
}


def blocks(number: int) -> dict[str, str]:
    return {BLOCKS: _BLOCKS.format(number=number)}


def ivr(name: str) -> dict[str, str]:
    return {f"{name}/{file}": text for file, text in _IVR.items()}


def write(templates: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (templates / path).parent.mkdir(parents=True, exist_ok=True)
        (templates / path).write_text(text)
