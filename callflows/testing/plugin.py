"""The pytest plugin: a `phone` for tests, scenario files as tests, transcripts of failures, coverage of flows.

Loaded in every pytest run where callflows is installed, so everything heavy is imported when first used.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..simulator import Server
    from ..simulator.rehearsing import Phone

SCENARIO = ".scenario"
PROVIDERS = ("plivo", "vobiz")

_phones = pytest.StashKey[Any]()
_coverage = pytest.StashKey[Any]()


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
    marker = node.get_closest_marker("phone") if node else None
    only = marker.kwargs.get("provider") if marker else None
    names: list[str] = ([only] if isinstance(only, str) else only) or config.getini("phone_providers")
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        raise pytest.UsageError(f"no platform {unknown[0]!r}: one of {', '.join(PROVIDERS)}")
    return list(names)


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
    from ..errors import ConfigError
    from .stage import flows_app, web_app

    named = str(request.config.getini("phone_app") or "")
    try:
        return web_app(named) if named else flows_app(request.getfixturevalue("phone_settings"))
    except ConfigError as error:
        raise pytest.UsageError(f"phone_app: {error}") from error


@pytest.fixture
def phone_provider(request: pytest.FixtureRequest) -> str:
    """The platform of this test; every test with a phone runs on each (see pytest_generate_tests)."""
    return str(request.param)


@pytest.fixture
def phone_on(
    request: pytest.FixtureRequest, phone_app: Any, phone_provider: str, phone_platforms: dict[str, Server]
) -> Callable[..., Phone]:
    """`phone_on(switches={}, at=None, seed=None)`: a telephone on a platform where nothing has happened yet; whatever
    happened on an earlier one of this test is forgotten. For tests that need several; the others take `phone`."""

    from .coverage import Coverage
    from .stage import new_phone

    def begin(switches: Mapping[str, Any] = {}, at: datetime | str | None = None, seed: int | None = None) -> Phone:
        _visited(request.node)
        found = new_phone(
            phone_platforms[phone_provider].simulator,
            phone_app,
            request.config.stash.setdefault(_coverage, Coverage()),
            seed=zlib.crc32(request.node.nodeid.encode()) if seed is None else seed,
            switches=switches,
            at=datetime.fromisoformat(at) if isinstance(at, str) else at,
        )
        request.node.stash[_phones] = found
        return found

    return begin


@pytest.fixture
def phone(request: pytest.FixtureRequest, phone_on: Callable[..., Phone]) -> Phone:
    """A telephone, on a platform where nothing has happened yet."""
    marker = request.node.get_closest_marker("phone")
    given = {name: value for name, value in marker.kwargs.items() if name != "provider"} if marker else {}
    return phone_on(**given)


# -- scenario files


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == SCENARIO:
        found: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
        return found
    return None


class ScenarioFile(pytest.Module):
    """A scenario file is a test module with one test."""

    def _getobj(self) -> ModuleType:
        from ..simulator.rehearsing import scenario

        try:
            found = scenario.load(self.path)
        except scenario.ScenarioError as error:
            raise self.CollectError(str(error)) from None

        @pytest.mark.phone(provider=found.providers, at=found.at, switches=dict(found.switches))
        def test(phone: Phone, phone_on: Callable[..., Phone], pytestconfig: pytest.Config) -> None:
            __tracebackhide__ = True
            scenario.run(found, phone)
            if not pytestconfig.getoption("phone_every_switch"):
                return
            for name, value in scenario.variations(found, phone):
                try:
                    scenario.run(found, phone_on({**found.switches, name: value}, found.at))
                except AssertionError as error:
                    raise AssertionError(f"with switch {name} = {value}: {error}") from None

        module = ModuleType(self.path.stem)
        name = "test_" + re.sub(r"\W+", "_", self.path.stem.lower())
        setattr(module, name, test)
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
        transcript = phone.transcript
        if transcript and transcript not in str(call.excinfo.value):
            report.sections.append(("phone transcript", transcript))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)  # this process works for pytest-xdist
    coverage = session.config.stash.get(_coverage, None)
    if output is not None and coverage is not None and session.config.getoption("phone_coverage"):
        output["phone_coverage"] = json.dumps(coverage.as_dict())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    found = getattr(node, "workeroutput", {}).get("phone_coverage")
    if found:
        from .coverage import Coverage

        node.config.stash.setdefault(_coverage, Coverage()).merge(json.loads(found))


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
        Path(target).write_text(json.dumps(coverage.as_dict(), indent=1) + "\n")
    for line in coverage.report():
        terminalreporter.line(line)
