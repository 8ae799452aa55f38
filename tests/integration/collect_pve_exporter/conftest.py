"""A cluster that stands still, and both exporters before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fakepve_server import FakePve, fakepve
from support.pve_exporters import OURS, UPSTREAM, Exporter, config_for, exporter

NOW = 1786870800

# Both read dates without a zone: it must not be the one in which nothing shows.
ZONE = {"TZ": "IST-5:30"}

SMALL: dict[str, Any] = {
    "name": "home",
    "nodes": {"pve-01": True, "pve-02": True},
    "vms": [{"vmid": 100 + n, "name": f"vm{n}", "node": "pve-01", "config": {"onboot": n % 2}} for n in range(6)],
    "cts": [{"vmid": 200, "name": "ct", "node": "pve-01", "config": {"onboot": 1}}],
    "frozen_at": NOW,
    "answers": {"/nodes/pve-01/replication": []},
}


@pytest.fixture
def cluster() -> Iterator[FakePve]:
    with fakepve(SMALL) as pve:
        yield pve


@pytest.fixture
def config(cluster: FakePve, tmp_path: Path) -> Path:
    return config_for(cluster, tmp_path / "pve.yml")


@pytest.fixture
def ours(config: Path) -> Iterator[Exporter]:
    with exporter(OURS, config=config) as running:
        yield running


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exporter, Exporter]]:
    """Upstream's exporter and ours, with one configuration; every fake has the same login."""
    path = tmp_path_factory.mktemp("pve") / "pve.yml"
    path.write_text("default:\n  user: root@pam\n  password: secret\n  verify_ssl: no\n  timeout: 60\n")
    with (
        exporter(UPSTREAM, environ=ZONE, config=path) as upstream,
        exporter(OURS, environ=ZONE, config=path) as our_own,
    ):
        yield upstream, our_own
