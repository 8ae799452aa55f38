"""A clock that is set: noticed, and nothing stored under a later time is left to hide what is new."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hune.stack.timekeeping import ClockWatch, put_aside_the_future

NOW = 1_750_000_000.0


class SetClock:
    def __init__(self) -> None:
        self.wall = NOW
        self.steady = 100.0

    def pass_by(self, seconds: float, *, leap: float = 0.0) -> None:
        self.steady += seconds
        self.wall += seconds + leap

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prometheus"
    for name in ("wal", "chunks_head"):
        (folder / name).mkdir(parents=True)
    _segment(folder, "00000000", NOW - 60)
    return folder


def _segment(folder: Path, name: str, written: float) -> None:
    path = folder / "wal" / name
    path.write_bytes(b"samples")
    os.utime(path, (written, written))


def _block(folder: Path, name: str, ends: float) -> None:
    (folder / name).mkdir()
    (folder / name / "meta.json").write_text(json.dumps({"maxTime": round(ends * 1000)}))


@pytest.mark.parametrize("leap", [-3600.0, -11.0, 11.0, 86_400.0])
def test_a_clock_that_is_set_is_noticed_once(leap: float) -> None:
    clock = SetClock()
    watch = ClockWatch(clock)
    clock.pass_by(1.0)
    assert watch.leap() == 0.0
    clock.pass_by(1.0, leap=leap)
    assert watch.leap() == pytest.approx(leap)
    clock.pass_by(1.0)
    assert watch.leap() == 0.0


def test_small_steps_add_up() -> None:
    clock = SetClock()
    watch = ClockWatch(clock)
    leaps = []
    for _ in range(6):
        clock.pass_by(1.0, leap=-4.0)
        leaps.append(watch.leap())
    assert leaps == [0.0, 0.0, pytest.approx(-12.0), 0.0, 0.0, pytest.approx(-12.0)]


def test_a_database_of_the_past_is_left_alone(folder: Path) -> None:
    _block(folder, "01AAA", NOW - 7200)
    assert put_aside_the_future(folder, NOW) is None
    assert put_aside_the_future(folder.with_name("not yet there"), NOW) is None
    assert (folder / "wal" / "00000000").exists()


def test_what_was_written_in_the_future_is_put_aside_and_older_blocks_stay(folder: Path) -> None:
    _block(folder, "01AAA", NOW - 7200)
    _block(folder, "01BBB", NOW + 3600)
    _segment(folder, "00000001", NOW + 5000)
    aside = put_aside_the_future(folder, NOW)
    assert aside == folder.with_name("prometheus-ahead")
    assert sorted(path.name for path in folder.iterdir()) == ["01AAA"]
    assert sorted(path.name for path in aside.iterdir()) == ["01BBB", "chunks_head", "wal"]


def test_after_a_step_the_head_goes_though_it_was_written_last_at_the_new_time(folder: Path) -> None:
    _block(folder, "01AAA", NOW - 7200)
    aside = put_aside_the_future(folder, NOW, was_set_back=True)
    assert aside is not None
    assert sorted(path.name for path in aside.iterdir()) == ["chunks_head", "wal"]
    assert [path.name for path in folder.iterdir()] == ["01AAA"]


def test_a_block_of_the_future_takes_the_head_along(folder: Path) -> None:
    # The head accepts nothing from before the newest block.
    _block(folder, "01BBB", NOW + 3600)
    put_aside_the_future(folder, NOW)
    assert not list(folder.iterdir())


def test_only_the_last_is_kept(folder: Path) -> None:
    for ends in (NOW + 3600, NOW + 7200):
        _block(folder, f"01{ends:.0f}", ends)
        aside = put_aside_the_future(folder, NOW)
        assert aside is not None
        assert [path.name for path in aside.glob("01*")] == [f"01{ends:.0f}"]


def test_a_block_that_can_not_be_read_is_left_to_its_engine(folder: Path) -> None:
    (folder / "01AAA").mkdir()
    (folder / "01AAA" / "meta.json").write_text("{")
    assert put_aside_the_future(folder, NOW) is None
