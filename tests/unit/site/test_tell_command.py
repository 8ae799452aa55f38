"""`hune tell` where there is nobody to tell yet."""

from pathlib import Path

import pytest

from hune.cli import tell
from hune.core.errors import Unavailable


def test_says_how_to_start_instead_of_naming_a_file_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="start it with: hune up"):
        tell.command(tmp_path)
