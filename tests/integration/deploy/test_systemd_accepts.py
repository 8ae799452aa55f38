"""systemd's own checker has nothing to object to the units."""

import json
import re
from pathlib import Path

import pytest

from hune.deploy.rendering import write
from hune.deploy.systemd import Place, conductor_unit, render_conductor, render_processes
from hune.site.models import Site
from support.sites import ELSEWHERE, EXAMPLES, ODD, example, site_of
from support.tools import accept, run, tool

SITES = {path.stem: example(path) for path in EXAMPLES} | {"odd": site_of(ODD), "elsewhere": site_of(ELSEWHERE)}
MOST_EXPOSURE = 2.2
"""Of 10, as systemd-analyze counts; what remains is the network, which it is for, and what is measured."""


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A program that exists, which the checker wants."""
    path = tmp_path / "100% my own" / "hune"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def exposure(unit: Path) -> float:
    rows = run("systemd-analyze", "security", "--offline=true", "--json=short", unit)
    assert rows.returncode == 0, rows.stderr
    total = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit).stdout.splitlines()[-1]
    assert json.loads(rows.stdout)
    return float(next(word for word in total.split() if word.replace(".", "").isdigit()))


def test_conductor_s_unit_of_the_system(tmp_path: Path, program: str) -> None:
    write(render_conductor(Place(program=program, site_file="/etc/hune/my site.yaml")), tmp_path / "out")
    unit = tmp_path / "out" / "hune.service"
    accept("systemd-analyze", "verify", "--man=no", unit)
    assert exposure(unit) <= MOST_EXPOSURE


def test_conductor_s_unit_of_a_user(tmp_path: Path, program: str) -> None:
    unit = tmp_path / "hune.service"
    unit.write_text(conductor_unit(Place(program=program, data_dir="/srv/me/my data"), of_user=True))
    accept("systemd-analyze", "verify", "--man=no", "--user", unit, environ={"XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_unit_of_each_process(site: Site, tmp_path: Path, program: str) -> None:
    out = tmp_path / "out"
    write(render_processes(site, Place(program=program)), out)
    for unit in out.glob("*.service"):
        # Debian installs the engines there; here they may be elsewhere on the PATH.
        unit.write_text(re.sub(r"=/usr/bin/([a-z-]+) ", lambda match: f"={tool(match[1])} ", unit.read_text()))
    accept("systemd-analyze", "verify", "--man=no", *sorted(out.glob("*.service")), out / "hune.target")
    for unit in out.glob("*.service"):
        assert exposure(unit) <= MOST_EXPOSURE, unit.name
