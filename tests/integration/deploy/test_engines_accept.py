"""Each engine's own checker takes the files that its container or unit reads."""

from pathlib import Path

import pytest

from hune.deploy import compose
from hune.deploy.rendering import write
from hune.deploy.systemd import Place, render_processes
from hune.site.models import Site
from support.sites import EXAMPLES, ODD, example, site_of
from support.tools import run

SITES = {path.stem: example(path) for path in EXAMPLES} | {"odd": site_of(ODD)}


def check(prometheus: Path, alertmanager: Path, blackbox: Path) -> None:
    assert run("promtool", "check", "config", prometheus / "prometheus.yml").returncode == 0
    assert run("amtool", "check-config", alertmanager / "alertmanager.yml").returncode == 0
    checked = run("prometheus-blackbox-exporter", f"--config.file={blackbox / 'blackbox.yml'}", "--config.check")
    assert checked.returncode == 0


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_files_of_containers(site: Site, tmp_path: Path) -> None:
    write(compose.render(site, compose.Image()), tmp_path)
    config = tmp_path / "config"
    check(config / "prometheus", config / "alertmanager", config / "blackbox-exporter")


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_files_of_units(site: Site, tmp_path: Path) -> None:
    write(render_processes(site, Place()), tmp_path)
    config = tmp_path / "config"
    check(config, config, config)
