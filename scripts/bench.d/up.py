"""From a clean clone to the first healthy page: cold (nothing cached), then warm (the same clone again)."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(clone: Path, environ: dict[str, str], data_dir: Path) -> tuple[float, str]:
    """Run scripts/up as a newcomer does; return the seconds until the page was there, and its address."""
    began = time.monotonic()
    argv = ["scripts/up", "--detach", "--auto-ports", "--json", "--data-dir", str(data_dir)]
    result = subprocess.run(
        argv, cwd=clone, env=environ, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True
    )
    status = json.loads(result.stdout[result.stdout.index("{") :])
    assert status["healthy"], status
    [address] = [row["address"] for row in status["services"] if row["name"] == "nester"]
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as page:
        assert page.status == 200
    return time.monotonic() - began, address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hune-bench-") as folder:
        clone, home = Path(folder, "clone"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        # A home of its own: no cache of pip, npm or Hune is there yet.
        environ = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PIP_NO_CACHE_DIR": "1"}
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "HUNE_DATA_DIR", "HUNE_SITE"):
            environ.pop(name, None)
        seconds = {}
        for name in ("cold", "warm"):
            seconds[name], _ = start(clone, environ, Path(folder, "data"))
            subprocess.run(
                [clone / ".venv/bin/hune", "down", "--data-dir", Path(folder, "data")], env=environ, check=True
            )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    if options.json:
        print(
            json.dumps({**{f"{name}_seconds": round(value, 1) for name, value in seconds.items()}, "machine": machine})
        )
        return
    for name, value in seconds.items():
        print(f"{name:<6}{value:>8.1f} s from the clone to the first healthy page")
    print(machine)


if __name__ == "__main__":
    main()
