"""How long `callflows flows check` takes: a hundred flows of five steps, for both platforms."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOWS = 100
STEPS = {
    "answer": """<Response>
  {% from "_shared/say.xml" import say %}
  {{ say("Welcome to team NUMBER.") }}
  <GetInput action="{{ step_url('choice') }}" method="POST" inputType="dtmf" numDigits="1">
    <Speak>Press 1 for sales, 2 for support, 9 to hear this again.</Speak>
  </GetInput>
  <Redirect method="POST">{{ step_url("sorry") }}</Redirect>
</Response>
""",
    "choice": """<Response>
{% if input.digits in ("1", "2") %}
  <Speak>One moment, please.</Speak>
  <Redirect method="POST">{{ step_url("dial", team="sales" if input.digits == "1" else "support") }}</Redirect>
{% elif input.digits == "9" and state.tries | default(0) < 3 %}
  <Redirect method="POST">{{ step_url("answer", tries=state.tries | default(0) + 1) }}</Redirect>
{% else %}
  <Redirect method="POST">{{ step_url("sorry") }}</Redirect>
{% endif %}
</Response>
""",
    "dial": """<Response>
  <Speak>Connecting you.</Speak>
  <Dial timeout="{{ params.ring_seconds }}" callerId="+14155550100" action="{{ step_url('done') }}" method="POST">
    {% for number in ["+14155550123", "+14155550124"] %}<Number>{{ number }}</Number>{% endfor %}
  </Dial>
</Response>
""",
    "done": """<Response>
{% if dial.status == "completed" %}<Hangup/>
{% elif dial.status == "busy" %}<Speak>The line is busy.</Speak><Redirect>{{ step_url("sorry") }}</Redirect>
{% else %}<Redirect>{{ step_url("sorry") }}</Redirect>{% endif %}
</Response>
""",
    "sorry": """<Response>
  {% from "_shared/say.xml" import say %}{{ say("We are sorry. Goodbye.") }}
  <Hangup/>
</Response>
""",
}
TOML = """title = "Team NUMBER"
[params.ring_seconds]
type = "integer"
default = 30
"""
SHARED = '{% macro say(text) %}<Speak language="en-US">{{ text }}</Speak>{% endmacro %}\n'


def write_flows(templates: Path, count: int = FLOWS) -> None:
    Path(templates, "_shared").mkdir(parents=True)
    Path(templates, "_shared", "say.xml").write_text(SHARED)
    for number in range(count):
        flow = templates / f"team{number}"
        flow.mkdir()
        Path(flow, "flow.toml").write_text(TOML.replace("NUMBER", str(number)))
        for name, text in STEPS.items():
            Path(flow, f"{name}.xml").write_text(text.replace("NUMBER", str(number)))


def check_many() -> str:
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder, "templates")
        write_flows(templates)
        environment = {"CALLFLOWS_TEMPLATES": str(templates), "PATH": "/usr/bin:/bin", "HOME": folder}
        started = time.perf_counter()
        command = [sys.executable, "-m", "callflows", "flows", "check"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, check=False)
        seconds = time.perf_counter() - started
    good = run.stdout.count(": ok\n")
    return f"flows check, {FLOWS} flows of {len(STEPS)} steps, both platforms: {seconds:.1f} s ({good} ok)"


if __name__ == "__main__":
    print(check_many())
