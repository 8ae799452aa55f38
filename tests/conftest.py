"""What holds for every test: nothing blocks the loop, and nothing is skipped in CI."""

import inspect
import os
from collections.abc import Generator, Iterator

import pytest
from blockbuster import BlockBuster
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes depends on what else the machine does: no test asserts time.
settings.register_profile("hune", deadline=None)
settings.load_profile("hune")

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
