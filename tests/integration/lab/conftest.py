"""A lab of its own for each module, or for each test that kills it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hune.core.layout import Layout
from support.lab import RunningLab, prepare


@pytest.fixture
def new_lab(tmp_path: Path) -> Iterator[RunningLab]:
    """A lab that isn't started yet; what is left of it at the end is killed."""
    layout = Layout(tmp_path)
    lab = RunningLab(layout, prepare(layout))
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.stop()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    layout = Layout(tmp_path_factory.mktemp("lab"))
    running = RunningLab(layout, prepare(layout))
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def healed(lab: RunningLab) -> Iterator[RunningLab]:
    """The module's lab, without faults before and after the test."""
    yield lab
    for command in ("revive", "plug", "cool"):
        lab.do(command)
