"""What a store in PostgreSQL adds to the plan, and what it never adds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.engines import ENGINES
from hune.stack.model import Plan, Process
from hune.stack.plan import make_plan
from hune.stack.setting import Binary, Setting
from hune.stack.unprivileged import Identity

PRIVATE: dict[str, Any] = {"timescale": {}}
NAMED: dict[str, Any] = {"timescale": {"url": "env:DATABASE_URL", "query": True}}
OURS = {"postgresql", "timescale", "timescale-query"}


def plan_of(stores: dict[str, Any] | None = None, services: dict[str, Any] | None = None, **changes: Any) -> Plan:
    raw = {"name": "rack", "nodes": [{"name": "here", "address": "127.0.0.1"}]}
    site = Site.model_validate({**raw, "stores": stores or {}, "services": services or {}})
    binaries = {name: Binary(Path(f"/usr/bin/{name}")) for name in ENGINES}
    return make_plan(Setting(site=site, layout=Layout(Path("/data dir")), binaries=binaries, hune=("hune",), **changes))


def names(plan: Plan) -> set[str]:
    return {process.name for process in plan.processes} & OURS


def process(plan: Plan, name: str) -> Process:
    return next(process for process in plan.processes if process.name == name)


def rendered(plan: Plan, path: str) -> Any:
    return json.loads(next(file.content for file in plan.files if file.path == path))


@pytest.mark.parametrize("stores", [PRIVATE, NAMED, {"timescale": {"query": True}}, {}])
def test_the_prometheus_that_evaluates_rules_never_reads_from_a_store(stores: dict[str, Any]) -> None:
    config = rendered(plan_of(stores), "prometheus.yml")
    assert "remote_read" not in config
    assert [row["name"] for row in config["remote_write"]] == ["store", *(["timescale"] if stores else [])]
    assert len({str(row["write_relabel_configs"]) for row in config["remote_write"]}) == 1


def test_the_prometheus_that_reads_has_no_rules_and_no_targets() -> None:
    plan = plan_of(NAMED)
    assert rendered(plan, "timescale-query.yml") == {
        "global": {"external_labels": {"site": "rack"}},
        "remote_read": [{"url": "http://127.0.0.1:9201/api/v1/read", "name": "timescale", "read_recent": True}],
    }
    assert "--storage.tsdb.path=/data dir/data/timescale-query" in process(plan, "timescale-query").argv


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    plan = plan_of()
    assert not names(plan)
    assert not OURS & {watched.name for watched in plan.watched}
    assert not OURS & set(plan.ports)
    assert not [file.path for file in plan.files if "timescale" in file.content and file.path != "site.json"]


def test_a_private_database_is_reached_with_a_key_that_is_in_no_file_and_no_command() -> None:
    plan = plan_of(PRIVATE)
    assert names(plan) == {"postgresql", "timescale"}
    asked = rendered(plan, "timescale.json")
    assert asked["database"] == "postgresql://hune@127.0.0.1:5433/hune?passfile=/data%20dir/keys/postgresql"
    hba = next(file.content for file in plan.files if file.path == "pg_hba.conf")
    assert hba == "host hune hune,reader 127.0.0.1/32 scram-sha-256\n"
    postgres = process(plan, "postgresql")
    assert {"--listen_addresses=127.0.0.1", "--unix_socket_directories=", "--port=5433"} <= set(postgres.argv)
    assert postgres.first[1:] == ("/data dir/data/postgresql", "/data dir/keys/postgresql", "/usr/bin/postgresql")


def test_a_database_is_started_first_and_stopped_last() -> None:
    plan = plan_of({"timescale": {"query": True}})
    adapter = process(plan, "timescale")
    assert adapter.after == ("postgresql",)
    assert adapter.outlives == ("prometheus", "timescale-query")
    assert "timescale" not in process(plan, "prometheus").after


def test_root_is_told_who_runs_the_database() -> None:
    identity = Identity("nobody", ("--reuid=65534", "--regid=65534"))
    plan = plan_of(PRIVATE, unprivileged=identity)
    assert process(plan, "postgresql").identity == identity.options
    assert process(plan, "postgresql").first[-3:] == ("--", *identity.options)
    assert "postgresql refuses root: it runs as the user nobody, who owns /data dir/data/postgresql" in plan.notes
    assert not any("nobody" in note for note in plan_of(NAMED, unprivileged=identity).notes)


def test_a_database_elsewhere_is_named_by_reference_alone() -> None:
    plan = plan_of({"timescale": {"url": "file:/etc/hune/database", "retention": "2w"}})
    assert names(plan) == {"timescale"}
    asked = rendered(plan, "timescale.json")
    assert (asked["database"], asked["retention_days"]) == ("file:/etc/hune/database", 14)


def test_an_adapter_elsewhere_is_written_to_and_not_run() -> None:
    plan = plan_of(PRIVATE, {"timescale": {"url": "http://sql.example.com:9201/"}})
    assert not names(plan)
    writes = rendered(plan, "prometheus.yml")["remote_write"]
    assert writes[1]["url"] == "http://sql.example.com:9201/api/v1/write"
    assert [(watched.name, watched.process) for watched in plan.watched if watched.name in OURS] == [("timescale", "")]


def test_what_the_site_says_of_metrics_reaches_the_adapter() -> None:
    metrics = [
        {"match": "node_cpu_.*", "retention": "30d"},
        {"match": ".*", "downsample": {"after": "1w", "every": "5m"}},
    ]
    asked = rendered(plan_of({"timescale": {"metrics": metrics}}), "timescale.json")
    nothing = {"retention_days": None, "thin_after_days": None, "thin_every_seconds": 0}
    assert asked["policies"] == [
        {**nothing, "match": "node_cpu_.*", "retention_days": 30},
        {**nothing, "match": ".*", "thin_after_days": 7, "thin_every_seconds": 300},
    ]
