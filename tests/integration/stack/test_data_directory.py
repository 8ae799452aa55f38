"""Who may look into the data directory."""

import subprocess
import sys
from pathlib import Path

import pytest

EITHER_WAY = pytest.mark.parametrize("options", [[], ["--detach"]])


def try_to_start(place: Path, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Start with a site file that is refused: what is needed before is made then."""
    site = place.with_name("site.yaml")
    site.write_text("nodes: nonsense\n")
    command = [sys.executable, "-P", "-m", "hune", "up", *options, "--data-dir", str(place), "--site", str(site)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, umask=0o022)


@EITHER_WAY
def test_what_is_stored_is_for_its_owner_alone(tmp_path: Path, options: list[str]) -> None:
    place = tmp_path / "data"
    assert try_to_start(place, options).returncode != 0
    assert (place / "logs" / "conductor.log").exists()
    assert [path for path in (place, *place.rglob("*")) if path.stat().st_mode & 0o077] == []


@EITHER_WAY
def test_directory_that_is_there_is_closed_to_others(tmp_path: Path, options: list[str]) -> None:
    place = tmp_path / "data"
    place.mkdir()
    place.chmod(0o755)
    assert try_to_start(place, options).returncode != 0
    assert place.stat().st_mode & 0o777 == 0o750


@EITHER_WAY
def test_directory_that_every_user_may_fill_is_not_used(tmp_path: Path, options: list[str]) -> None:
    place = tmp_path / "data"
    place.mkdir()
    place.chmod(0o777)
    started = try_to_start(place, options)
    assert started.returncode == 2
    said = "".join(started.stderr.split())
    assert f"{place}:everyusermaywritethere;chooseanotherwith--data-dir" in said
    assert list(place.iterdir()) == []
