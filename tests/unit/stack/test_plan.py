"""The plan is a pure function of the site and of what was found on the machine."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.apply import differences
from hune.stack.engines import ENGINES
from hune.stack.engines.prometheus import UNSTORED
from hune.stack.model import Plan
from hune.stack.plan import make_plan
from hune.stack.setting import Binary, Setting, parse_version
from support import golden

SITE: dict[str, Any] = {
    "name": "rack",
    "nodes": [
        {"name": "here", "address": "127.0.0.1"},
        {
            "name": "pve-01",
            "address": "192.0.2.11",
            "kind": "proxmox",
            "labels": {"room": "attic"},
            "links": [{"device": "enp1s0f0", "speed": "10G"}, {"device": "enp1s0f1", "speed": "10G"}],
        },
        {"name": "pve-02", "address": "2001:db8::12", "alive": "tcp:8006", "lab": True, "links": [{"device": "eno1"}]},
    ],
    "probes": [
        {"name": "router", "type": "icmp", "target": "192.0.2.1"},
        {"name": "shop", "type": "http", "target": "https://shop.example.org/", "status": [200, 301]},
        {"name": "names", "type": "dns", "target": "192.0.2.53", "query": "example.org"},
        {"name": "mail", "type": "tls", "target": "mail.example.org:465", "interval_seconds": 60},
    ],
}


def setting(site: dict[str, Any] = SITE, **changes: Any) -> Setting:
    binaries = {
        name: Binary(
            Path(f"/opt/{name}/usr/bin/{module.PROGRAMS[0]}"), (1, 0), {t: Path("/opt", t) for t in module.TOOLS}
        )
        for name, module in ENGINES.items()
    }
    chosen: dict[str, Any] = {"binaries": binaries, "hune": ("python", "-m", "hune"), "layout": Layout(Path("/data"))}
    return Setting(site=Site.model_validate(site), **{**chosen, **changes})


def rendered(plan: Plan, path: str) -> Any:
    return json.loads(next(file.content for file in plan.files if file.path == path))


def job(plan: Plan, name: str) -> Any:
    return next(row for row in rendered(plan, "prometheus.yml")["scrape_configs"] if row["job_name"] == name)


def test_the_same_inputs_make_the_same_plan() -> None:
    assert make_plan(setting()).to_json() == make_plan(setting()).to_json()


def test_a_plan_survives_its_journey_as_json() -> None:
    plan = make_plan(setting())
    assert Plan.from_json(plan.to_json()) == plan


def test_locked_door_is_opened_by_a_file_that_everybody_who_comes_is_told_of() -> None:
    plan = make_plan(setting(with_keys=True))
    opened = {"username": "hune", "password_file": "/data/keys/alertmanager"}
    [process] = [process for process in plan.processes if process.key]
    assert (process.name, process.key) == ("alertmanager", opened["password_file"])
    assert "--web.config.file=/data/keys/alertmanager.yml" in process.argv
    assert job(plan, "alertmanager")["basic_auth"] == opened
    assert rendered(plan, "prometheus.yml")["alerting"]["alertmanagers"][0]["basic_auth"] == opened
    assert "basic_auth" not in job(plan, "node")


def test_an_alertmanager_may_lie_anywhere() -> None:
    given = setting()
    for place in ("/alertmanager", "/opt/alertmanager"):
        lies = replace(given, binaries={**given.binaries, "alertmanager": Binary(Path(place))})
        process = next(one for one in make_plan(lies).processes if one.name == "alertmanager")
        assert (process.argv[0], process.cwd) == (place, "/")


def test_no_key_of_ours_goes_elsewhere() -> None:
    elsewhere = {**SITE, "engines": {"alertmanager": {"url": "https://alerts.example.org"}}}
    assert "keys/" not in make_plan(setting(elsewhere, with_keys=True)).to_json()


def test_a_plan_names_the_ports_that_are_listened_on_here() -> None:
    elsewhere = {**SITE, "engines": {"victoriametrics": {"url": "https://metrics.example.org/store"}}}
    ports = make_plan(setting(elsewhere)).ports
    assert ports["prometheus"] == 9090
    assert "victoriametrics" not in ports


@pytest.mark.parametrize("path", ["prometheus.yml", "blackbox.yml"])
def test_rendered_files_equal_their_golden_copies(path: str) -> None:
    text = next(file.content for file in make_plan(setting()).files if file.path == path)
    golden.check(Path(__file__).parent / "golden" / path, text)


def test_commands_equal_their_golden_copy() -> None:
    plan = make_plan(setting())
    text = "\n".join(f"{process.name}: {' '.join(process.argv)}" for process in plan.processes) + "\n"
    golden.check(Path(__file__).parent / "golden" / "commands.txt", text)


@pytest.mark.parametrize(
    ("series", "kept"),
    [
        ("node_hwmon_temp_celsius;pve-01;", True),
        ("node_hwmon_chip_names;here;", True),
        ("node_network_up;pve-01;enp1s0f0", True),
        ("node_network_carrier_changes_total;pve-02;eno1", True),
        ("node_network_up;pve-01;tap101i0", False),
        ("node_network_up;pve-02;enp1s0f0", False),
        ("node_network_up;here;eth0", False),
        ("node_network_mtu_bytes;pve-01;enp1s0f0", False),
        ("node_cpu_seconds_total;pve-01;", False),
    ],
)
def test_the_fast_lane_keeps_temperatures_and_watched_ports_only(series: str, kept: bool) -> None:
    rule, _ = job(make_plan(setting()), "node-fast")["metric_relabel_configs"]
    assert rule["action"] == "keep"
    # Prometheus anchors its expressions.
    assert bool(re.fullmatch(rule["regex"], series)) is kept


@pytest.mark.parametrize(
    "series", ["hune:cut_off", "hune:site_cpu_limit_celsius", "ALERTS", "ALERTS_FOR_STATE", "up", "scrape_series_added"]
)
def test_node_cannot_say_what_rules_record(series: str) -> None:
    rules = job(make_plan(setting()), "node")["metric_relabel_configs"]
    assert [rule["action"] for rule in rules if re.fullmatch(rule["regex"], series)] == ["drop"]


@pytest.mark.parametrize("name", ["node", "node-fast"])
def test_real_node_cannot_call_itself_simulated(name: str) -> None:
    rule = job(make_plan(setting()), name)["metric_relabel_configs"][-1]
    assert (rule["target_label"], rule["replacement"]) == ("lab", "")
    taken = [node for node in ("here", "pve-01", "pve-02") if re.fullmatch(rule["regex"], node)]
    assert taken == ["here", "pve-01"]


@pytest.mark.parametrize("name", ["node", "node-fast"])
def test_what_a_node_may_say_is_bounded(name: str) -> None:
    bounds = job(make_plan(setting()), name)
    assert {"sample_limit", "body_size_limit", "label_limit", "label_value_length_limit"} <= bounds.keys()


@pytest.mark.parametrize("name", ["node", "node-fast"])
def test_node_neither_dates_its_samples_nor_sends_us_elsewhere(name: str) -> None:
    assert (
        job(make_plan(setting()), name)["honor_timestamps"],
        job(make_plan(setting()), name)["follow_redirects"],
    ) == (
        False,
        False,
    )


def test_what_a_server_writes_into_its_certificate_is_no_label() -> None:
    [rule] = job(make_plan(setting()), "probe")["metric_relabel_configs"]
    labels = ("subject", "issuer", "subjectalternative", "serialnumber", "fingerprint_sha256", "probe")
    assert [label for label in labels if not re.fullmatch(rule["regex"], label)] == ["fingerprint_sha256", "probe"]


def test_only_what_resolves_secrets_gets_the_whole_environment() -> None:
    processes = make_plan(setting(with_lab=True)).processes
    assert {process.name for process in processes if process.is_ours} == {"services", "lab"}


def test_nobody_can_delete_from_the_store() -> None:
    [process] = [process for process in make_plan(setting()).processes if process.name == "victoriametrics"]
    assert "-envflag.enable" in process.argv
    assert "HUNE_STORE_deleteAuthKey" in process.sealed


def test_scripts_of_other_origins_read_nothing_of_prometheus() -> None:
    [process] = [process for process in make_plan(setting()).processes if process.name == "prometheus"]
    [allowed] = [part for part in process.argv if part.startswith("--web.cors.origin=")]
    expression = allowed.removeprefix("--web.cors.origin=")
    assert re.fullmatch(expression, "http://127.0.0.1:9090")
    assert not re.fullmatch(expression, "https://evil.example")
    assert not re.fullmatch(expression, "null")


@pytest.mark.parametrize(
    ("series", "stored"),
    [
        ("node;node_load1", True),
        (";ALERTS", True),
        ("probe;probe_success", True),
        ("node-fast;node_hwmon_temp_celsius", False),
        ("node-alive;probe_success", False),
        (";hune:node_up", False),
        ("node-fast-but-another;up", True),
    ],
)
def test_only_what_is_worth_years_goes_to_the_store(series: str, stored: bool) -> None:
    assert bool(re.fullmatch(UNSTORED, series)) is not stored


def test_each_machine_is_proved_alive_past_its_exporter() -> None:
    targets = {
        target["labels"]["node"]: (target["labels"]["__param_module"], target["targets"][0])
        for target in job(make_plan(setting()), "node-alive")["static_configs"]
    }
    assert targets == {
        "here": ("alive_tcp", "127.0.0.1:9115"),
        "pve-01": ("alive_icmp", "192.0.2.11"),
        "pve-02": ("alive_tcp", "[2001:db8::12]:8006"),
    }


def test_where_icmp_is_not_permitted_tcp_is_tried_and_said() -> None:
    plan = make_plan(setting(icmp_permitted=False))
    targets = job(plan, "node-alive")["static_configs"]
    assert targets[1]["targets"] == ["192.0.2.11:22"]
    assert any("pve-01" in note and "ping_group_range" in note for note in plan.notes)


def test_own_labels_go_to_the_stored_job_and_not_to_the_fast_one() -> None:
    plan = make_plan(setting())
    assert job(plan, "node")["static_configs"][1]["labels"]["room"] == "attic"
    assert "room" not in job(plan, "node-fast")["static_configs"][1]["labels"]


def test_an_engine_elsewhere_is_watched_but_not_run() -> None:
    site = {**SITE, "engines": {"victoriametrics": {"url": "https://metrics.example.org/store"}}}
    plan = make_plan(setting(site))
    assert "victoriametrics" not in {process.name for process in plan.processes}
    assert (
        rendered(plan, "prometheus.yml")["remote_write"][0]["url"] == "https://metrics.example.org/store/api/v1/write"
    )
    [watched] = [row for row in plan.watched if row.name == "victoriametrics"]
    assert (watched.process, watched.url) == ("", "https://metrics.example.org/store")


def test_an_engine_that_already_listens_is_used_and_said() -> None:
    plan = make_plan(setting(adopted=frozenset({"node-exporter"})))
    assert "node-exporter" not in {process.name for process in plan.processes}
    assert any("node-exporter" in note for note in plan.notes)


def test_missing_checkers_are_said() -> None:
    bare = {name: Binary(binary.path) for name, binary in setting().binaries.items()}
    assert sum("was not found" in note for note in make_plan(setting(binaries=bare)).notes) == 2


def test_secrets_stay_references_in_everything_that_is_rendered() -> None:
    receivers = [{"name": "discord", "discord": {"webhook": "env:DISCORD_WEBHOOK_URL"}}]
    text = make_plan(setting({**SITE, "receivers": receivers})).to_json()
    assert "env:DISCORD_WEBHOOK_URL" in text
    assert "https://discord" not in text


def test_the_lab_is_a_process_only_when_it_is_up() -> None:
    assert "lab" in {process.name for process in make_plan(setting(with_lab=True)).processes}
    assert "lab" not in {process.name for process in make_plan(setting()).processes}


def test_a_diff_names_what_would_change() -> None:
    before = make_plan(setting())
    after = make_plan(setting({**SITE, "name": "shelf"}))
    lines = list(differences(before, after))
    assert '-   "site": "rack"' in [line.rstrip(",") for line in lines]
    assert '+   "site": "shelf"' in [line.rstrip(",") for line in lines]
    assert list(differences(before, before)) == []


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("prometheus, version 2.42.0+ds (branch: debian/sid)", (2, 42, 0)),
        ("victoria-metrics-20230201-000000-tags-v1.86.1-0-g4d9", (1, 86, 1)),
        ("nothing of the kind", (0,)),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
