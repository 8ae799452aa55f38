"""What runs for months imports what it needs and nothing that only reading a site or a command line needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hune.collect.pve.assignment import FILE, Assignment
from hune.site.models import Site

HEAVY = ("pydantic", "pydantic_core", "ruamel", "typer", "rich", "jinja2", "sqlite3", "promql_parser")


def imported_by(code: str, *arguments: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter has imported after running some code."""
    tell = f"import json; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{tell}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_exporter_of_a_site_imports_no_models_no_yaml_and_no_command_line(tmp_path: Path) -> None:
    site = Site.model_validate(
        {
            "nodes": [{"name": "pve-01", "address": "192.0.2.11"}],
            "proxmox": [{"name": "home", "nodes": ["pve-01"], "token": {"id": "hune@pve!m", "secret": "env:SECRET"}}],
        }
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / FILE).write_text(Assignment.of(site).to_json())
    code = """
import hune.__main__
from hune.cli import pve_exporter, running
made = pve_exporter.make(pve_exporter.parse(["--data-dir", sys.argv[1]]), {"SECRET": "s3cr3t"})
made.app()
"""
    assert imported_by(code, str(tmp_path)) == set()


@pytest.mark.parametrize(
    ("modules", "may"),
    [
        ("hune.__main__, hune.cli.running, hune.lab.service", set()),
        ("hune.stack.__main__", set()),
        (
            "hune.__main__, hune.cli.running, hune.alerting.hub.service, hune.nester.app",
            {"pydantic", "pydantic_core", "jinja2", "sqlite3"},
        ),
    ],
)
def test_a_service_imports_no_command_line_and_no_yaml(modules: str, may: set[str]) -> None:
    assert imported_by(f"import {modules}") <= may
