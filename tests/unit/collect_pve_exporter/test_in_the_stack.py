"""Where a site has a cluster that may be asked, its stack measures it; elsewhere nothing of it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.engines import ENGINES
from hune.stack.model import Plan
from hune.stack.plan import make_plan
from hune.stack.setting import Binary, Setting

TOKEN = {"token": {"id": "hune@pve!metrics", "secret": "env:PVE_SECRET"}}


def plan(*clusters: dict[str, Any], **services: Any) -> Plan:
    site = Site.model_validate(
        {
            "name": "rack",
            "nodes": [
                {"name": "pve-01", "address": "192.0.2.11"},
                {"name": "pve-02", "address": "192.0.2.12"},
                {"name": "sim-01", "address": "127.0.0.11", "lab": True},
            ],
            "proxmox": list(clusters),
            "services": {"pve_exporter": services} if services else {},
        }
    )
    binaries = {name: Binary(Path("/usr/bin", name)) for name in ENGINES}
    return make_plan(Setting(site, Layout(Path("/data")), binaries, ("hune",)))


def jobs(made: Plan) -> dict[str, Any]:
    text = next(file.content for file in made.files if file.path == "prometheus.yml")
    return {job["job_name"]: job for job in json.loads(text)["scrape_configs"]}


HOME = {"name": "home", "nodes": ["pve-01", "pve-02"], **TOKEN}


@pytest.mark.parametrize("clusters", [[], [{"name": "home", "nodes": ["pve-01"]}]])
def test_without_a_cluster_that_may_be_asked_there_is_no_exporter(clusters: list[dict[str, Any]]) -> None:
    made = plan(*clusters)
    assert "pve-exporter" not in {process.name for process in made.processes}
    assert "pve-exporter" not in {watched.name for watched in made.watched}
    assert jobs(made).keys().isdisjoint({"pve", "pve-hune", "pve-exporter"})


def test_the_exporter_is_a_process_of_its_own_and_watched() -> None:
    made = plan(HOME)
    [process] = [process for process in made.processes if process.name == "pve-exporter"]
    assert process.argv[:5] == ("hune", "run", "pve-exporter", "--data-dir", "/data")
    assert (process.ready_url, process.reads) == ("http://127.0.0.1:9221/health", ("pve-exporter.json",))
    [watched] = [watched for watched in made.watched if watched.name == "pve-exporter"]
    assert (watched.kind, watched.process, watched.address) == ("own", "pve-exporter", "127.0.0.1:9221")
    assert "PVE_SECRET" not in " ".join(process.argv)


def test_one_that_runs_elsewhere_is_asked_there() -> None:
    made = plan(HOME, url="https://exporter.example:9999/below")
    assert "pve-exporter" not in {process.name for process in made.processes}
    job = jobs(made)["pve"]
    assert (job["scheme"], job["metrics_path"]) == ("https", "/below/pve")
    assert {group["targets"][0] for group in job["static_configs"]} == {"exporter.example:9999"}


def test_each_cluster_is_asked_as_a_whole_and_each_node_for_itself() -> None:
    groups = [group["labels"] for group in jobs(plan(HOME))["pve"]["static_configs"]]
    asked = [(row["instance"], row["__param_target"], row["__param_cluster"], row["__param_node"]) for row in groups]
    assert asked == [("home", "home", "1", "0"), ("pve-01", "pve-01", "0", "1"), ("pve-02", "pve-02", "0", "1")]


def test_targets_name_their_cluster_and_never_a_node() -> None:
    sim = {"name": "sim", "nodes": ["sim-01"], **TOKEN}
    found = jobs(plan(HOME, sim))
    for name in ("pve", "pve-hune"):
        groups = [group["labels"] for group in found[name]["static_configs"]]
        assert {row["cluster"] for row in groups} == {"home", "sim"}
        assert all("node" not in row for row in groups)
        assert {row["cluster"] for row in groups if row.get("lab") == "true"} == {"sim"}
