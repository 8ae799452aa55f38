"""What lies rendered in deploy/ is what is rendered now; `GOLDEN=write scripts/test` writes it anew."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hune.deploy import compose, systemd
from hune.deploy.rendering import Rendering, write
from support.sites import example

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
RENDERED = {
    "compose": compose.render(example(ROOT / "examples" / "this-machine.yaml"), compose.Image(build_context="../..")),
    "systemd": systemd.render_conductor(systemd.Place(site_file="/etc/hune/site.yaml")),
}


@pytest.mark.parametrize("folder", RENDERED)
def test_rendered_default_is_up_to_date(folder: str) -> None:
    rendering: Rendering = RENDERED[folder]
    place = DEPLOY / folder
    if os.environ.get("GOLDEN") == "write":
        # A secret is made where it is used.
        write(replace(rendering, generated=()), place, force=True)
    there = {
        path.relative_to(place).as_posix(): path.read_text()
        for path in place.rglob("*")
        if path.is_file() and path.relative_to(place).parts[0] not in ("secrets", ".env", "compose.override.yaml")
    }
    assert there == rendering.files, f"deploy/{folder} is not what is rendered now; GOLDEN=write scripts/test"
