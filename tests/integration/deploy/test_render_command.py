"""`hune render` and `hune service` as a person types them."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support.sites import EXAMPLES

ROOT = Path(__file__).parents[3]
SITE = next(path for path in EXAMPLES if path.stem == "this-machine")

UNITS = ("systemd", "--program", "/opt/hune/bin/hune")


def hune(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command; it never shows a traceback."""
    environ = {key: value for key, value in os.environ.items() if key not in ("HUNE_SITE", "HUNE_DATA_DIR")}
    done = subprocess.run(
        [sys.executable, "-m", "hune", *map(str, arguments)],
        cwd=cwd,
        env={**environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def test_compose_is_rendered_and_its_secret_never_shown(tmp_path: Path) -> None:
    done = hune("render", "compose", "--site", SITE, "--out", "stack", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    secret = (tmp_path / "stack" / "secrets" / "grafana_admin_password").read_text()
    assert secret not in done.stdout + done.stderr
    assert "docker compose up -d" in done.stdout
    assert stat.S_IMODE((tmp_path / "stack" / "secrets").stat().st_mode) == 0o700


def test_hune_s_image_is_built_from_the_repository_it_runs_from(tmp_path: Path) -> None:
    hune("render", "compose", "--site", SITE, "--out", "stack", cwd=tmp_path)
    context = os.path.relpath(ROOT, tmp_path / "stack")
    assert f'context: "{context}"' in (tmp_path / "stack" / "compose.yaml").read_text()


def test_second_rendering_tells_what_it_did_as_json(tmp_path: Path) -> None:
    arguments = ("render", "compose", "--site", SITE, "--out", "stack", "--image", "example.com/hune:1", "--json")
    first, second = (json.loads(hune(*arguments, cwd=tmp_path).stdout) for _ in range(2))
    assert "compose.yaml" in first["changed"]
    assert first["generated"] == ["secrets/grafana_admin_password"]
    assert (second["changed"], second["removed"], second["generated"]) == ([], [], [])


@pytest.mark.parametrize("form", [("compose",), UNITS, (*UNITS, "--processes")])
def test_foreign_folder_is_refused_in_one_line(form: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = hune("render", *form, "--site", SITE, "--out", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "something else than an earlier rendering (mine.txt)" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_broken_site_is_told_with_its_line_and_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("name: a\nnodez: []\n")
    done = hune("render", "compose", "--out", "stack", cwd=tmp_path)
    assert done.returncode == 2
    assert "site.yaml:2:1" in done.stderr
    assert not (tmp_path / "stack").exists()


def test_site_that_containers_can_t_serve_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("name: a\nengines: {alertmanager: {url: 'http://localhost:9093'}}\n")
    done = hune("render", "compose", "--out", "stack", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("engines.alertmanager.url: http://localhost:9093 is each container itself")


def test_units_are_rendered(tmp_path: Path) -> None:
    done = hune("render", *UNITS, "--site", SITE, "--out", "units", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"--site {SITE}" in (tmp_path / "units" / "hune.service").read_text()


def test_form_of_units_may_change_in_the_same_folder_only_by_force(tmp_path: Path) -> None:
    arguments = ("render", *UNITS, "--site", SITE, "--out", "units")
    assert hune(*arguments, cwd=tmp_path).returncode == 0
    assert hune(*arguments, "--processes", cwd=tmp_path).returncode == 2
    assert hune(*arguments, "--processes", "--force", cwd=tmp_path).returncode == 0


def test_installation_is_shown_before_it_is_done(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = hune("service", "install", "--user", "--dry-run", "--site", SITE, cwd=tmp_path)
    # Where the command isn't installed beside Python, that is what is said.
    if done.returncode == 0:
        assert "would write" in done.stdout
        assert "would run systemctl --user enable hune.service" in done.stdout
    else:
        assert "the command hune is not installed" in done.stderr


def test_uninstalling_what_isn_t_there_does_nothing(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    argv = [sys.executable, "-m", "hune", "service", "uninstall", "--user", "--dry-run"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "there is nothing to do\n")
