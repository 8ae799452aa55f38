"""A lock is held by one process at a time, and says by whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hune.core.lock import Taken, lock


def test_second_one_hears_who_has_it(tmp_path: Path) -> None:
    with lock(tmp_path / "lock"):
        with pytest.raises(Taken) as taken:
            lock(tmp_path / "lock")
        assert taken.value.pid == str(os.getpid())
    lock(tmp_path / "lock").close()


def test_longer_number_of_a_former_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("9" * 18)
    with lock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_full_disk_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with lock(tmp_path / "lock"), pytest.raises(Taken):
        lock(tmp_path / "lock")


def test_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "nowhere" / "lock")
