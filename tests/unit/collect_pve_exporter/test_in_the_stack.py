"""Where a site has a cluster that may be asked, its stack measures it; elsewhere nothing of it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from hune.collect.pve.assignment import FILE, Assignment
from hune.collect.pve.collectors import NAMES, collectors
from hune.collect.pve.protection import Aspect
from hune.collect.pve.settings import DEFAULT
from hune.core.layout import Layout
from hune.site.models import Site
from hune.site.proxmox import Aspect as SiteAspect
from hune.site.proxmox import CollectorName
from hune.stack.engines import ENGINES
from hune.stack.model import Plan
from hune.stack.plan import make_plan
from hune.stack.setting import Binary, Setting

TOKEN = {"token": {"id": "hune@pve!metrics", "secret": "env:PVE_SECRET"}}


def site(*clusters: dict[str, Any], **services: Any) -> Site:
    return Site.model_validate(
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


def plan(*clusters: dict[str, Any], **services: Any) -> Plan:
    binaries = {name: Binary(Path("/usr/bin", name)) for name in ENGINES}
    return make_plan(Setting(site(*clusters, **services), Layout(Path("/data")), binaries, ("hune",)))


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


def test_a_node_that_is_called_as_its_cluster_is_asked_by_its_address() -> None:
    groups = [
        group["labels"]
        for group in jobs(plan({**HOME, "name": "PVE-01", "nodes": ["pve-01"]}))["pve"]["static_configs"]
    ]
    asked = [(row["instance"], row["__param_target"], row["__param_node"]) for row in groups]
    assert asked == [("PVE-01", "PVE-01", "0"), ("192.0.2.11", "192.0.2.11", "1")]


def test_targets_name_their_cluster_and_never_a_node() -> None:
    sim = {"name": "sim", "nodes": ["sim-01"], **TOKEN}
    found = jobs(plan(HOME, sim))
    for name in ("pve", "pve-hune"):
        groups = [group["labels"] for group in found[name]["static_configs"]]
        assert {row["cluster"] for row in groups} == {"home", "sim"}
        assert all("node" not in row for row in groups)
        assert {row["cluster"] for row in groups if row.get("lab") == "true"} == {"sim"}


DISCOVER = {"nodes": {"port": 9200}, "guests": {"networks": ["192.0.2.0/24"], "tags": ["web"]}}


def test_what_a_cluster_discovers_is_scraped_only_where_the_site_asks_for_it() -> None:
    assert not [name for name in jobs(plan(HOME)) if name.startswith("discovered")]
    assert "discovered-guests" not in jobs(plan({**HOME, "discover": {"nodes": {}}}))
    silent = {"name": "home", "nodes": ["pve-01"], "discover": DISCOVER}
    assert not [name for name in jobs(plan(silent)) if name.startswith("discovered")]


def test_discovered_targets_are_told_apart_by_cluster_and_id_and_never_by_node() -> None:
    sim = {"name": "sim", "nodes": ["sim-01"], **TOKEN, "discover": DISCOVER}
    found = jobs(plan({**HOME, "discover": DISCOVER}, sim))
    for kind in ("nodes", "guests"):
        job = found[f"discovered-{kind}"]
        assert [row["url"] for row in job["http_sd_configs"]] == [
            f"http://127.0.0.1:9221/sd/{kind}?target=home",
            f"http://127.0.0.1:9221/sd/{kind}?target=sim",
        ]
        assert [row["target_label"] for row in job["relabel_configs"]] == ["cluster", "id", "lab"]
        assert job["relabel_configs"][-1]["regex"] == "sim"
        assert [row.get("target_label", row["action"]) for row in job["metric_relabel_configs"] if "action" in row] == [
            "drop"
        ]


def test_the_exporter_is_told_what_each_cluster_wants_and_no_secret() -> None:
    made = plan(
        {
            **HOME,
            "protection": {"excluded_tags": ["Scratch"], "required": ["covered", "ha"], "accept_partial": True},
            "collectors": {"without": ["updates"], "wake_disks": True},
            "discover": DISCOVER,
        }
    )
    [text] = [file.content for file in made.files if file.path == FILE]
    assignment = Assignment.from_json(text)
    [cluster] = assignment.clusters
    assert assignment.to_json() == text
    assert (cluster.secret, cluster.settings.wake_disks) == ("env:PVE_SECRET", True)
    assert cluster.settings.protection.required == {Aspect.COVERED, Aspect.HA}
    assert cluster.settings.protection.excluded_tags == ("Scratch",)
    assert "updates" not in {collector.name for collector in collectors(cluster.settings)}
    discover = cluster.settings.discover
    assert discover.nodes is not None
    assert discover.guests is not None
    assert (discover.nodes.port, discover.guests.networks) == (9200, ("192.0.2.0/24",))
    assert {"pve-01", "sim-01", "192.0.2.11:9100"} <= discover.known


def test_a_site_knows_the_collectors_and_aspects_that_there_are() -> None:
    assert get_args(CollectorName) == NAMES
    assert list(get_args(SiteAspect)) == list(Aspect)
    assert Assignment.of(site(HOME)).clusters[0].settings == DEFAULT
