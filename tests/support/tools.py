"""The real tools that judge what is rendered, run without a terminal and without this user's own settings."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_KEPT = ("PATH", "HOME", "PYTHONPATH", "LANG")


def tool(name: str) -> str:
    """Return the path of a program, of this environment or the system's, which must be there."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    assert found, f"{name} is not on the PATH; scripts/test puts it there"
    return found


def run(
    name: str, *arguments: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it said, whatever its exit code."""
    return subprocess.run(
        [tool(name), *map(str, arguments)],
        cwd=cwd,
        env={**{key: value for key, value in os.environ.items() if key in _KEPT}, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def accept(name: str, *arguments: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Run a program that must have nothing to object; return what it printed."""
    done = run(name, *arguments, cwd=cwd, environ=environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout
