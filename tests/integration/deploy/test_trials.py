"""The trials in deploy/trial: real containers, a real boot. As root, with Debian's packages within reach."""

import subprocess
from pathlib import Path

import pytest

TRIALS = Path(__file__).parents[3] / "deploy" / "trial"


@pytest.mark.long
@pytest.mark.parametrize("name", ["compose", "systemd"])
def test_trial_ends_well(name: str) -> None:
    done = subprocess.run(
        [TRIALS / name], capture_output=True, text=True, timeout=1200, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["All of it works."]), done.stdout + done.stderr
