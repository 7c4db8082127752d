"""Record."""

from __future__ import annotations

from ...models import Severity
from ..findings import Node
from .registry import INPUT, Context, Found, following, near, rule

_TOLD = 'callbackUrl="https://flows.example.com/events/plivo"'
_DIAL = '<Dial callerId="+14155550100"><Number>+14155550123</Number></Dial>'
_RECORDED = ("Dial", "Conference", "MultiPartyCall", "Stream")
_LEADS_ON = (*INPUT, "Redirect")


@rule("rule.record-too-late", "Record", severity=Severity.WARNING,
      source="plivo.md 1.0 (D: must precede what it records); vobiz.md 1.2",
      hint="put it before what it is to record",
      good=f'<Record recordSession="true" {_TOLD}/>{_DIAL}',
      bad=f'{_DIAL}<Record recordSession="true" {_TOLD}/>')  # fmt: skip
def record_too_late(record: Node, context: Context) -> Found:
    if record.get("startOnDialAnswer") == "true":
        inside = next(record.iterancestors("Dial"), None)  # where Vobiz takes it too
        if inside is None and near(record, ("Dial", *_LEADS_ON)) is None:
            yield "Record waits for a Dial to be answered, and no Dial follows it"
    elif record.get("recordSession") == "true":
        before = near(record, _RECORDED, before=True)
        if before is not None and near(record, (*_RECORDED, *_LEADS_ON)) is None:
            yield f"Record of the session stands after {before.tag!s}, and begins when that is over"
        elif following(record) is None:
            yield "Record of the session stands last: the call ends before there is anything to record"


@rule("rule.record-untold", "Record", severity=Severity.WARNING,
      source="plivo.md 1.5, 3.2 (the address of a recording is told to these only); vobiz.md 1.2, 3.4",
      hint='add callbackUrl="{{ events_url() }}", or an action',
      good=f"<Record {_TOLD}/>", bad="<Record/>")  # fmt: skip
def record_untold(record: Node, context: Context) -> Found:
    if not any(name in record.attrib for name in ("action", "callbackUrl", "transcriptionUrl")):
        yield "Record tells nobody where the recording is"
