"""What a private PostgreSQL needs is made once, and made again where it is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hune.stack.engines.postgresql import environment
from hune.stack.unprivileged import identity
from support.tools import tool


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = [str(folder / "data" / "postgresql"), str(folder / "keys" / "postgresql"), tool("postgres")]
    return subprocess.run(
        [sys.executable, "-P", "-m", "hune.stack.cluster", *arguments, "--", *identity().options],
        env={**os.environ, **environment(Path(tool("postgres")))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_key_and_data_are_made_once_and_a_lost_key_again(tmp_path: Path) -> None:
    key, data = tmp_path / "keys" / "postgresql", tmp_path / "data" / "postgresql"
    half = data.with_name("postgresql.new")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("half made")
    made = make(tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert not half.exists()
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_text()
    assert first.startswith("*:*:hune:hune:")
    born = (data / "global" / "pg_control").stat().st_mtime_ns
    assert make(tmp_path).returncode == 0
    assert (key.read_text(), (data / "global" / "pg_control").stat().st_mtime_ns) == (first, born)
    reader = key.with_name("postgresql-reader").read_text()
    key.unlink()
    assert make(tmp_path).returncode == 0
    assert key.read_text() not in ("", first)
    assert key.with_name("postgresql-reader").read_text() == reader


def test_data_of_another_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    data = tmp_path / "data" / "postgresql"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("14\n")
    refused = make(tmp_path)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert "of PostgreSQL 14, and the program found is 1" in line
    assert "name the older one with engines.postgresql.path, or run: hune store upgrade" in line
