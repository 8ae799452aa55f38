"""What holds for every test: nothing blocks the loop, examples are the same each time, and nothing is skipped in CI."""

import importlib
import inspect
import os
import pkgutil
from collections.abc import Generator, Iterator

import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

import hune

# How long an example takes depends on what else the machine does: no test asserts time. Which examples are tried
# depends on nothing, so that a change is refused for what it does; new ones are looked for at full counts.
settings.register_profile(
    "hune",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("hune"), derandomize=False, max_examples=1000)
settings.load_profile("long" if os.environ.get("HUNE_TEST_LONG") else "hune")

# Where Hune may block the loop: end of a file's path → functions. Each needs its reason beside it.
ALLOWED: dict[str, set[str]] = {}


class _Together(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps together what shares what it starts: the tests of a file, and a folder's that run the whole product."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path.rpartition("/")[0] if "/acceptance/" in path else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Say which tests run beside one another."""
    return _Together(config, log)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Import all of Hune: Hypothesis tries what modules name, of those that happen to be imported when a test runs."""
    if any(getattr(getattr(item, "obj", None), "is_hypothesis_test", False) for item in session.items):
        for module in pkgutil.walk_packages(hune.__path__, "hune."):
            importlib.import_module(module.name)


@pytest.fixture(scope="session")
def _blockbuster() -> BlockBuster:
    blockbuster = BlockBuster("hune")
    for function in blockbuster.functions.values():
        for path, names in ALLOWED.items():
            function.can_block_in(path, names)
    return blockbuster


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(request: pytest.FixtureRequest, _blockbuster: BlockBuster) -> Iterator[None]:
    """Make a blocking call of Hune's own code inside a running loop fail the test (`blockbuster.BlockingError`).

    Only coroutine tests are watched: Playwright's synchronous API runs the test itself inside a loop. Not seen are
    calls that block below Python (`os.open`, `os.fsync`, a slow regular expression), and what tests themselves do.
    """
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    _blockbuster.activate()
    try:
        yield
    finally:
        _blockbuster.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, turn a skip into a failure; an expected failure (`xfail`) is none."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI counts as a failure: {report.longrepr}"
