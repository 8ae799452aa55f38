"""The benchmark of alerts runs, and finds each crossing told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.long
def test_every_crossing_of_the_benchmark_is_told() -> None:
    argv = [sys.executable, "scripts/bench.d/alerts.py", "--crossings", "2", "--without-stock", "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: (row["delivered"], row["of"]) for name, row in report["hune"].items()} == {
        "CpuHot": (2, 2),
        "LinkDown": (2, 2),
        "NodeDown": (2, 2),
    }
    assert report["retries_counted"]
