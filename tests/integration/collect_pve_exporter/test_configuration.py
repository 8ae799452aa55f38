"""Upstream's files, environment and flags, unchanged; and one line for what can't be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fakepve_server import FakePve, fakepve
from support.pve_exporters import OURS, SOURCES, UPSTREAM, exporter

TOKEN = {"tokens": {"root@pam!exporter": "0-1-2"}, "nodes": {"pve-01": True}}
TOKEN |= {"answers": {"/nodes/pve-01/replication": []}, "frozen_at": 1786870800}

ENVIRONMENTS = {
    "password": {"PVE_USER": "root@pam", "PVE_PASSWORD": "secret", "PVE_VERIFY_SSL": "false"},
    "token": {
        "PVE_USER": "root@pam",
        "PVE_TOKEN_NAME": "exporter",
        "PVE_TOKEN_VALUE": "0-1-2",
        "PVE_VERIFY_SSL": "0",
        "PVE_MODULE": "lab",
    },
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_wins_and_means_the_same(name: str, tmp_path: Path) -> None:
    broken = tmp_path / "pve.yml"
    broken.write_text("default: {user: nobody@pam, password: wrong}")
    module = ENVIRONMENTS[name].get("PVE_MODULE", "default")
    with fakepve(TOKEN) as pve:
        asked = {"target": f"{pve.host}:{pve.port}", "module": module}
        found = []
        for kind in (UPSTREAM, OURS):
            with exporter(kind, environ=ENVIRONMENTS[name], config=broken) as running:
                found.append(running.series("/pve", asked))
        assert found[0] == found[1]


def test_one_file_serves_both(tmp_path: Path) -> None:
    with fakepve(TOKEN) as pve:
        path = tmp_path / "pve.yml"
        path.write_text(
            "# the same file\ndefault: &login\n    user: root@pam\n    password: secret\n    verify_ssl: No\n"
            f"    port: {pve.port}\n"
            f"token: {{user: root@pam, token_name: exporter, token_value: 0-1-2, verify_ssl: {pve.ca_file}}}\n"
            "merged:\n    <<: *login\n    timeout: 9\n"
        )
        queries: list[dict[str, object]] = [
            {"target": pve.host},
            {"target": f"{pve.host}:{pve.port}", "module": "token"},
            {"target": pve.host, "module": "merged"},
        ]
        found = []
        for kind in (UPSTREAM, OURS):
            with exporter(kind, "--no-collector.config", "--no-collector.qdevice", config=path) as running:
                found.append([running.series("/pve", query) for query in queries])
        assert found[0] == found[1]
        assert all(found[0])


def run(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hune", "run", "pve-exporter", *flags],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_is_wrong_is_one_line_each_and_no_traceback(tmp_path: Path, cluster: FakePve) -> None:
    path = tmp_path / "pve.yml"
    path.write_text("a: {user: root, password: hunter2}\nb: {user: root@pam, color: 1}\n")
    wrong = run("--config.file", str(path))
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 3), wrong.stderr
    taken = run("--web.listen-address", f"{cluster.host}:{cluster.port}", PVE_USER="root@pam", PVE_PASSWORD="hunter2")
    assert (taken.returncode, "in use" in taken.stderr) == (1, True)
    for result in (wrong, taken):
        assert "hunter2" not in result.stderr
        assert "Traceback" not in result.stderr


def test_help_tells_all_flags() -> None:
    told = run("--help").stdout
    for flag in ("--collector.backup-info", "--no-collector.backup-info", "--config.file", "--allow-target"):
        assert flag in told
