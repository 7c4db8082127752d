"""A project of a user's, and pytest run in it."""

from __future__ import annotations

import pytest

import callflows.testing.stage  # noqa: F401  (imported once, and not again in each of the runs)

from ..conftest import write_flow

AGENT = "+14155550123"

MENU = """
<Response>
  <GetInput action="{{ step_url('chosen') }}" inputType="dtmf" numDigits="1" executionTimeout="5">
    <Speak>Press 1 for sales.</Speak>
  </GetInput>
  <Speak>Goodbye.</Speak>
</Response>
"""
CHOSEN = """
<Response>
{% if input.digits == "1" %}
  <Dial callerId="+14155550100" action="{{ step_url('over') }}"><Number>+14155550123</Number></Dial>
{% else %}
  <Redirect>{{ step_url('answer') }}</Redirect>
{% endif %}
</Response>
"""
OVER = "<Response><Speak>{{ 'Busy.' if dial.status == 'busy' else 'Goodbye.' }}</Speak></Response>"
HOLD = "<Response><Speak>Please hold.</Speak><Wait length='60'/></Response>"
# what has nothing to do with us takes its time in every run
QUICKLY = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:schemathesis")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with flows in ./templates."""
    folder = pytester.path / "templates"
    write_flow(folder, "support", answer=MENU, chosen=CHOSEN, over=OVER)
    write_flow(folder, "hold", aleg=HOLD, bleg=HOLD)
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*QUICKLY, *args)
