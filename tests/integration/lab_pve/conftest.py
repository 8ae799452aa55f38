"""One running lab for the module, whole before and after each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hune.core.layout import Layout
from support.lab import RunningLab, prepare


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    layout = Layout(tmp_path_factory.mktemp("lab"))
    running = RunningLab(layout, prepare(layout))
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def new_lab(tmp_path: Path) -> Iterator[RunningLab]:
    """A lab that isn't started yet; what is left of it at the end is ended."""
    layout = Layout(tmp_path)
    new = RunningLab(layout, prepare(layout))
    yield new
    if new.process is not None and new.process.poll() is None:
        new.stop()


@pytest.fixture
def lab(module_lab: RunningLab) -> Iterator[RunningLab]:
    """The module's lab, without faults before and after the test."""
    yield module_lab
    for command in ("revive", "mend", "cool", "plug"):
        module_lab.do(command)
