"""Flows: their state, their picture, template and document side by side, and what is wrong, at its line."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlencode

import flask
from markupsafe import Markup

from ..compose import Case
from ..errors import CallflowsError
from ..exploring import Exploration, explore, graph_of
from ..flows import Flow, FlowSource, Status, load_flow, read_sources
from ..flows.picture import drawing
from ..flows.trying.sampling import SAMPLE_TRANSFER, Sample, samples
from ..models import FlowState, Leg, Problem, errors_in
from ..providers import NAMES
from ..signing import Token
from ..urls import without_marks
from .door import bp, page, problem_page, runtime

_EXPLORED_MOST = 40


@dataclass(frozen=True, slots=True)
class Explored:
    picture: Markup
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a platform gets, and what is wrong with it; no text where nothing comes of it."""

    provider: str
    text: str = ""
    problems: tuple[Problem, ...] = ()


_explored: OrderedDict[str, Explored] = OrderedDict()
_lock = Lock()


@bp.get("/flows")
def flows() -> flask.Response:
    rt = runtime()
    rows = []
    sources = read_sources(rt.settings.templates)
    for name in sorted({*sources, *rt.versions.known_names()}):
        status = rt.versions.status(name, _saved(sources.get(name)))
        first = next(iter(errors_in(status.problems)), None)
        rows.append({"name": name, "live": rt.versions.live(name), "status": status, "first": first})
    return page("flows.html", rows=rows, folder=rt.settings.templates.absolute())


@bp.get("/flows/<name>")
def flow(name: str) -> flask.Response:
    rt, args = runtime(), flask.request.args
    source = read_sources(rt.settings.templates).get(name)
    live, status = rt.versions.live(name), rt.versions.status(name, _saved(source))
    shown = live
    if args.get("saved") or live is None:
        shown = load_flow(source) if source and (live is None or source.version != live.version) else live
    if shown is None:
        return problem_page(404, "No such flow", f"There is no flow {name[:64]} here.")
    explored = _known(shown.version) or (explored_of(shown) if args.get("explore") else None)
    files = [file for file in shown.texts if file.startswith(f"{name}/")]
    files += [file for file in shown.texts if not file.startswith(f"{name}/")]
    file = args.get("file", "")
    step = args.get("step", "") if args.get("step", "") in shown.steps else next(iter(shown.steps), "")
    providers = shown.manifest.providers or NAMES
    provider = args.get("provider", "") if args.get("provider", "") in NAMES else ""
    template = shown.steps[step].template(provider or providers[0])[0] if step else ""
    file = file if file in shown.texts else template
    problems = _problems(shown is live, status, explored)
    tried = _samples(shown, step, provider or providers[0])
    number = int(args["sample"]) if args.get("sample", "").isdecimal() and len(args["sample"]) < 4 else 0
    label = tried[number].label if number < len(tried) else ""
    return page(
        "flow.html",
        flow=shown,
        live=live,
        state=status,
        refused=status.state in (FlowState.STALE, FlowState.BROKEN),
        saved=shown is not live,
        picture=explored.picture if explored else None,
        explore=f"{flask.request.script_root}{flask.request.path}?{urlencode({**args.to_dict(), 'explore': '1'})}",
        files=files,
        file=file,
        lines=_lines(shown.texts.get(file, ""), file, problems),
        step=step,
        provider=provider,
        providers=providers,
        samples=tried,
        number=number,
        documents=[_document(shown, step, each, label) for each in ([provider] if provider else providers)],
        problems=problems,
    )


def _saved(source: FlowSource | None) -> str:
    return source.version if source else ""


def _problems(live: bool, status: Status, explored: Explored | None) -> list[Problem]:
    """Of a save that is not served, those that keep it from being served; else what exploring it has found."""
    if status.problems and not live:
        return list(status.problems)
    return list(explored.problems) if explored else []


def _known(version: str) -> Explored | None:
    with _lock:
        if version in _explored:
            _explored.move_to_end(version)
        return _explored.get(version)


def explored_of(flow: Flow) -> Explored:
    """Exploring takes its time, up to seconds: once for each version, and never before a page is shown."""
    known = _known(flow.version)
    if known:
        return known
    exploration: Exploration = explore(runtime().composer, flow, NAMES)
    picture = Markup(drawing.svg(graph_of(exploration)))  # noqa: S704  (drawing escapes what it is given)
    found = Explored(picture, tuple(exploration.problems))
    with _lock:
        _explored[flow.version] = found
        while len(_explored) > _EXPLORED_MOST:
            _explored.popitem(last=False)
    return found


def _samples(flow: Flow, step: str, provider: str) -> list[Sample]:
    return samples(flow, step, provider, limit=40) if step and flow.steps[step].template(provider)[0] else []


def _document(flow: Flow, step: str, provider: str, label: str) -> Document:
    """What a platform gets in the situation of that name; where it has none such, in its first."""
    tried = _samples(flow, step, provider)
    sample = next((each for each in tried if each.label == label), next(iter(tried), None))
    if sample is None:
        return Document(provider)
    rt = runtime()
    token = Token(
        call_uuid=sample.event.call.uuid,
        transfer_id=SAMPLE_TRANSFER if sample.transfer else "",
        leg=sample.leg or (Leg.B if step == Leg.B else Leg.A),
        params=dict(sample.params),
        state=dict(sample.state),
        version=flow.version,
    )
    now = sample.now or rt.composer.now()
    case = Case(rt.composer, flow, flow.steps[step], provider, sample.event, token, sampled=True, now=now)
    try:
        composed = case.compose()
    except CallflowsError as error:
        return Document(provider, "", (Problem.error("template.error", str(error)),))
    return Document(provider, without_marks(composed.text), composed.problems)


def _lines(text: str, file: str, problems: list[Problem] | tuple[Problem, ...]) -> list[tuple[int, str, list[Problem]]]:
    """Each line of a file with what is wrong in it."""
    return [
        (number, line, [problem for problem in problems if problem.file == file and problem.line == number])
        for number, line in enumerate(text.splitlines(), 1)
    ]
