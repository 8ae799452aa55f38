"""The rules of the root conftest: CI counts a skip as a failure, and blocking the loop fails a test."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]

SKIPS = """
import pytest

@pytest.mark.skip(reason="not today")
def test_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert False
"""

BLOCKS = """
from hune.core.files import write_atomically

async def test_async(tmp_path): write_atomically(tmp_path / "file", "x")

def test_sync(tmp_path): write_atomically(tmp_path / "file", "x")
"""


def run_pytest(folder: Path, test: str, **environment: str) -> str:
    """Return the closing line of a run of one test file under the root conftest."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (folder / "test_it.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(TESTS.parent / "src"), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("environment", "outcome"), [({"CI": "true"}, "1 xfailed, 1 error"), ({}, "1 skipped, 1 xfailed")]
)
def test_skip_fails_in_ci_only(tmp_path: Path, environment: dict[str, str], outcome: str) -> None:
    assert run_pytest(tmp_path, SKIPS, **environment).startswith(outcome)


def test_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    skips = "import pytest\npytest.skip('not here', allow_module_level=True)\n"
    assert run_pytest(tmp_path, skips, CI="true").startswith("1 error")


def test_blocking_call_of_hune_in_a_running_loop_fails_the_test(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, BLOCKS).startswith("1 failed, 1 passed")
