"""Whose directory may be used."""

from pathlib import Path

import pytest

from hune.core.errors import InputError
from hune.core.files import _fault, keep_to_owner

US, ROOT, SOMEBODY = 1000, 0, 1001


@pytest.mark.parametrize(
    ("owner", "mode", "user", "fault"),
    [
        (US, 0o700, US, ""),
        (US, 0o775, US, ""),
        (ROOT, 0o755, US, ""),
        (SOMEBODY, 0o700, US, "belongs to another user"),
        (SOMEBODY, 0o755, ROOT, "belongs to another user"),
        (US, 0o777, US, "every user may write there"),
        (ROOT, 0o1777, US, "every user may write there"),
    ],
)
def test_only_own_directories_are_used(owner: int, mode: int, user: int, fault: str) -> None:
    assert _fault(owner, mode, user) == fault


def test_group_keeps_what_it_was_given(tmp_path: Path) -> None:
    tmp_path.chmod(0o2757 & ~0o002)
    keep_to_owner(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o2750


def test_place_that_can_not_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"choose another with --data-dir$"):
        keep_to_owner(tmp_path / "file" / "data")
