"""Golden copies: what is rendered, kept beside the tests and read by people who review a change.

`GOLDEN=write scripts/test` writes them anew; the difference is then looked at, and committed with its reason.
"""

import os
from pathlib import Path


def check(golden: Path, text: str) -> None:
    """Fail unless a text is what its golden copy says."""
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"not as in {golden.name}; if that is meant: GOLDEN=write scripts/test"
