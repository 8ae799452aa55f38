"""What runs before anything is installed needs nothing but Python."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "lib" / "unpack_debian.py"


def test_debian_packages_can_be_unpacked_before_anything_is_installed() -> None:
    loads = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='loaded')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", loads], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
