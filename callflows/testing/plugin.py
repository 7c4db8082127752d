"""The pytest plugin: a `phone` for tests, scenario files as tests, transcripts of failures, coverage of flows.

Loaded in every pytest run where callflows is installed, so everything heavy is imported when first used.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..simulator import Server
    from ..simulator.rehearsing import Phone

T = TypeVar("T")
SCENARIO = ".scenario"
PROVIDERS = ("plivo", "vobiz")
AT_EVERY_SWITCH = "_at_every_switch"  # how the names of such tests end
MARKED = ("provider", "switches", "at", "seed")

_phones = pytest.StashKey[Any]()
_coverage = pytest.StashKey[Any]()
_count = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("callflows", "telephone calls on a simulated platform")
    group.addoption(
        "--phone-coverage",
        nargs="?",
        const="-",
        metavar="FILE",
        help="Tell which steps, branches and Dial results of the flows no test met; with FILE, as JSON too.",
    )
    group.addoption(
        "--phone-every-switch",
        action="store_true",
        help="Run scenario files also at every other value of each switch they depend on: what the platforms' "
        "documentation leaves open must not decide whether they pass.",
    )
    parser.addini(
        "phone_providers",
        f"platforms tests with a phone run on (default: {' '.join(PROVIDERS)})",
        "args",
        list(PROVIDERS),
    )
    parser.addini("phone_app", "the web application as MODULE:NAME or URL (default: the flows in CALLFLOWS_TEMPLATES)")


def pytest_configure(config: pytest.Config) -> None:
    target = config.getoption("phone_coverage")
    if target and target != "-" and not target.endswith(".json"):  # `--phone-coverage tests`, say, means something else
        raise pytest.UsageError(
            f"--phone-coverage={target}: the file's name ends in .json (without a file, put it last)"
        )
    config.addinivalue_line(
        "markers",
        "phone(provider=None, switches={}, at=None, seed=None): the platform a test's phone is on, switches that "
        "differ from its defaults (docs/simulator.md), and the time the test begins at (ISO 8601 with a zone)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "phone_provider" not in metafunc.fixturenames:
        return
    if any("phone_provider" in str(mark.args[:1]) for mark in metafunc.definition.iter_markers("parametrize")):
        return
    metafunc.parametrize("phone_provider", _providers(metafunc.config, metafunc.definition), indirect=True)


def _providers(config: pytest.Config, node: pytest.Item | None = None) -> list[str]:
    only = _marked(node).get("provider") if node else None
    names = [only] if isinstance(only, str) else only or config.getini("phone_providers")
    if not isinstance(names, list | tuple):
        names = [names]
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        pytest.fail(f"no platform {unknown[0]!r}: one of {', '.join(PROVIDERS)}", pytrace=False)
    return list(names)


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the marker nearest to a test says; each of its words, the nearest that says it."""
    found: dict[str, Any] = {}
    for marker in node.iter_markers("phone"):
        wrong = [repr(value) for value in marker.args] + [name for name in marker.kwargs if name not in MARKED]
        if wrong:
            raise pytest.UsageError(
                f"{node.nodeid}: the marker phone takes {', '.join(MARKED)} by name, not {wrong[0]}"
            )
        found = {**marker.kwargs, **found}
    return found


# -- fixtures


@pytest.fixture(scope="session")
def phone_platforms() -> Iterator[dict[str, Server]]:
    """A simulated platform each, for as long as the tests run."""
    from .stage import platforms

    with platforms(PROVIDERS) as servers:
        yield servers


@pytest.fixture(scope="session")
def phone_settings(
    phone_platforms: dict[str, Server], tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> dict[str, Any]:
    """Settings for `create_app` under which its flows are on the simulated platforms. Override to add to them."""
    from .stage import settings_for

    return settings_for(phone_platforms, tmp_path_factory.mktemp("callflows"), pytestconfig.rootpath / "templates")


@pytest.fixture(scope="session")
def phone_app(request: pytest.FixtureRequest) -> Any:
    """The web application: a WSGI callable, or the URL of one that runs. Override it, or set `phone_app` in the
    configuration; by default callflows with the flows of CALLFLOWS_TEMPLATES, or of ./templates."""
    from .stage import flows_app, web_app

    named = str(request.config.getini("phone_app") or "")
    return _in_words(lambda: web_app(named) if named else flows_app(request.getfixturevalue("phone_settings")))


@pytest.fixture
def phone_provider(request: pytest.FixtureRequest) -> str:
    """The platform of this test; every test with a phone runs on each (see pytest_generate_tests). Where pytest makes
    no variants of a test (in a unittest.TestCase, say), the first."""
    return str(getattr(request, "param", "") or _providers(request.config, request.node)[0])


@pytest.fixture
def phone_on(
    request: pytest.FixtureRequest, phone_app: Any, phone_provider: str, phone_platforms: dict[str, Server]
) -> Callable[..., Phone]:
    """`phone_on(switches={}, at=None, seed=None)`: a telephone on a platform where nothing has happened yet; whatever
    happened on an earlier one of this test is forgotten. For tests that need several; the others take `phone`."""

    from .stage import new_phone

    def begin(switches: Mapping[str, Any] = {}, at: datetime | str | None = None, seed: int | None = None) -> Phone:
        _visited(request.node)
        # no call of this test has the UUID of an earlier one: for the application they are all calls of one platform
        number = request.node.stash.setdefault(_count, 0)
        request.node.stash[_count] = number + 1
        found = _in_words(
            lambda: new_phone(
                phone_platforms[phone_provider].simulator,
                phone_app,
                _coverage_of(request.config),
                seed=zlib.crc32(request.node.nodeid.encode()) + number if seed is None else seed,
                switches=switches,
                at=_instant(at),
            )
        )
        request.node.stash[_phones] = found
        return found

    return begin


@pytest.fixture
def phone(request: pytest.FixtureRequest, phone_on: Callable[..., Phone]) -> Phone:
    """A telephone, on a platform where nothing has happened yet."""
    return phone_on(**{name: value for name, value in _marked(request.node).items() if name != "provider"})


def _in_words(work: Callable[[], T]) -> T:
    """What makes no sense to us is said as it is, without a traceback."""
    try:
        return work()
    except (ConfigError, ValueError) as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)


def _instant(at: datetime | str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        found = None
    if at is not None and (not isinstance(found, datetime) or found.tzinfo is None):
        raise ValueError(f"at is a time with its zone, as 2026-12-24T18:30:00+01:00, not {at!r}")
    return found


def _coverage_of(config: pytest.Config) -> Any:
    """None unless it is asked for."""
    from .coverage import Coverage

    return config.stash.setdefault(_coverage, Coverage()) if config.getoption("phone_coverage") else None


# -- scenario files


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == SCENARIO:
        found: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
        return found
    return None


class ScenarioFile(pytest.Module):
    """A scenario file is a test module with one test, and with --phone-every-switch a second one."""

    def _getobj(self) -> ModuleType:
        from ..simulator.rehearsing import scenario

        try:
            found = scenario.load(self.path, os.path.relpath(self.path, self.config.invocation_params.dir))
        except scenario.ScenarioError as error:
            raise self.CollectError(str(error)) from None

        def problem(phone: Phone, switch: str = "") -> str:
            try:
                scenario.run(found, phone)
            except (scenario.StepUnmet, scenario.ScenarioError) as error:
                return f"{switch}{error}"
            return ""

        marked = pytest.mark.phone(provider=found.providers, at=found.at, switches=dict(found.switches))

        @marked
        def test(phone: Phone) -> None:
            wrong = problem(phone)
            if wrong:
                pytest.fail(wrong, pytrace=False)

        @marked
        def at_every_switch(phone: Phone, phone_on: Callable[..., Phone]) -> None:
            wrong = problem(phone)
            if wrong:
                pytest.fail(wrong, pytrace=False)
            for switch, value in scenario.variations(found, phone):
                # calls of their own: what the store knows of those before would be known of them
                seed = zlib.crc32(f"{found.file} {phone.provider} {switch} {value}".encode())
                other = phone_on({**found.switches, switch: value}, found.at, seed)
                wrong = problem(other, f"with switch {switch} = {value}: ")
                if wrong:
                    pytest.fail(wrong, pytrace=False)

        module = ModuleType(self.path.stem)
        name = "test_" + re.sub(r"\W+", "_", self.path.stem.lower())
        setattr(module, name, test)
        if self.config.getoption("phone_every_switch"):
            setattr(module, f"{name}{AT_EVERY_SWITCH}", at_every_switch)
        return module


# -- what is told of failures, and at the end


def _visited(item: pytest.Item) -> None:
    """A phone's transcript ends with its test, or where the test takes another."""
    phone, coverage = item.stash.get(_phones, None), item.config.stash.get(_coverage, None)
    if phone is not None and coverage is not None:
        coverage.visited(phone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    phone = item.stash.get(_phones, None)
    if report.when == "call":
        _visited(item)
    if phone is not None and report.failed and call.excinfo is not None:
        from ..simulator.rehearsing import abridged

        transcript = abridged(phone.transcript)
        if transcript and transcript not in str(call.excinfo.value):
            report.sections.append(("phone transcript", transcript))
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:  # in CI pytest's summary tells all of a message, and so the transcript once more
            crash.message = crash.message.partition("\n")[0]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)  # this process works for pytest-xdist
    coverage = session.config.stash.get(_coverage, None)
    if output is not None and coverage is not None:
        output["phone_coverage"] = json.dumps(coverage.as_dict())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    found = getattr(node, "workeroutput", {}).get("phone_coverage")
    if found:
        _coverage_of(node.config).merge(json.loads(found))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    target = config.getoption("phone_coverage")
    coverage = config.stash.get(_coverage, None)
    if not target:
        return
    terminalreporter.section("call flow coverage")
    if coverage is None:
        terminalreporter.line("no test called a flow")
        return
    if target != "-":
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(json.dumps(coverage.as_dict(), indent=1) + "\n")
    for line in coverage.report():
        terminalreporter.line(line)
