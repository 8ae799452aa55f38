"""Who may look into the data directory."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_what_is_stored_is_for_its_owner_alone(tmp_path: Path, options: list[str]) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("nodes: nonsense\n")
    place = tmp_path / "data"
    command = [sys.executable, "-P", "-m", "hune", "up", *options, "--data-dir", str(place), "--site", str(site)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False, umask=0o022).returncode != 0
    assert (place / "logs" / "conductor.log").exists()
    assert [path for path in (place, *place.rglob("*")) if path.stat().st_mode & 0o077] == []
