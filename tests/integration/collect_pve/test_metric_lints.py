"""promtool has nothing to say against the names, types and help of what the collectors yield."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from support.pve_answers import pve8, pve9
from support.pve_collecting import make_stand, text
from support.tools import tool


@pytest.mark.parametrize("version", [pve8, pve9])
async def test_promtool_accepts_what_is_collected(version: Any) -> None:
    stand = make_stand(version())
    collected = "".join([text((await stand.run(name)).out) for name in stand.by_name])
    done = subprocess.run(  # noqa: ASYNC221 - nothing else happens meanwhile
        [tool("promtool"), "check", "metrics"],
        input=collected,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
