"""Transfers: what was asked for, and what became of it, followed while it happens."""

from __future__ import annotations

import flask

from ..errors import RequestInvalid
from ..known import story
from ..known.overview import recent_transfers
from ..known.timeline import timeline
from ..models import TransferStatus
from . import words
from .door import bp, page, problem_page, runtime

A_PAGE = 30  # each has a story to be read


@bp.get("/transfers")
def transfers() -> flask.Response:
    args = flask.request.args
    only = {name: args.get(name, "").strip()[:128] for name in ("call_uuid", "status", "asked_by")}
    if only["status"] not in tuple(TransferStatus):
        only["status"] = ""
    found, older = recent_transfers(runtime().store, limit=A_PAGE, before=args.get("before", ""), **only)
    statuses = [str(each) for each in TransferStatus]
    return page(
        "transfers.html",
        transfers=found,
        older=older,
        only=only,
        statuses=statuses,
        first="before" not in args,
        words=words,
    )


@bp.get("/transfers/<id>")
def transfer(id: str) -> flask.Response:
    try:
        read = story.read(runtime(), id, patience=0)
    except RequestInvalid:
        return problem_page(404, "No such transfer", "It may have been removed with the old ones.")
    progress = read.progress
    return page(
        "transfer.html",
        progress=progress,
        transfer=progress.transfer,
        entries=timeline(progress, read.exchanges),
        words=words,
    )
