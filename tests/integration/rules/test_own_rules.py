"""What is wrong with Hune itself, as promtool evaluates it: each alert fires, stays silent, and ends by measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hune.alerting.catalogue import clear, gone
from hune.alerting.catalogue.own import FAULTS, SERVICES
from hune.site.models import Site
from support.promtool import World, firing, make_site, message, run, samples

Value = float | None
Told = dict[str, dict[int, float]]
EVERY, WRONG, LONGEST = 15, 300, 3600
STORE = 'remote_name="store",url="http://127.0.0.1:8428/api/v1/write"'
FAST = 'rule_group="/data/config/rules/hune-fast.yml;hune-fast"'


@dataclass(frozen=True)
class Case:
    """What a service tells if all is well again from a second on.

    The alert fires `wait` seconds after it goes wrong, and ends at most `ends` after it is well; what lasts no longer
    than `forgiven` tells nobody.
    """

    subject: str
    service: str
    told: Callable[[int], Told]
    wait: int
    ends: int = 0
    forgiven: int = 0


def steps(series: str, good: float, bad: float) -> Callable[[int], Told]:
    return lambda well: {series: {0: good, WRONG: bad, well: good}}


def failures(series: str, each: float = 1) -> Callable[[int], Told]:
    """Return a counter that grows with every scrape while something is wrong."""
    return lambda well: {
        series: {0: 0.0} | {at: each * (1 + (at - WRONG) // EVERY) for at in range(WRONG, well, EVERY)}
    }


def clock(series: str, of: Callable[[int], float]) -> Told:
    return {series: {at: of(at) for at in range(0, LONGEST, EVERY)}}


CASES: Mapping[str, Case] = {
    "ServiceDown": Case("pve-exporter", "pve-exporter", steps("up", 1, 0), wait=120, forgiven=90),
    "ConfigurationRefused": Case(
        "alertmanager", "alertmanager", steps("alertmanager_config_last_reload_successful", 1, 0), wait=60, forgiven=30
    ),
    "RulesFailing": Case(
        "hune-fast",
        "prometheus",
        failures(f"prometheus_rule_evaluation_failures_total{{{FAST}}}"),
        wait=90,
        ends=300,
        forgiven=EVERY,
    ),
    "RulesLate": Case(
        "hune-fast",
        "prometheus",
        lambda well: (
            failures(f"prometheus_rule_group_iterations_missed_total{{{FAST}}}", 6)(well)
            | clock(f"prometheus_rule_group_iterations_total{{{FAST}}}", float)
        ),
        wait=780,
        ends=300,
        forgiven=180,
    ),
    "ScrapesRefused": Case(
        "prometheus",
        "prometheus",
        failures("prometheus_target_scrapes_exceeded_sample_limit_total"),
        wait=120,
        ends=600,
    ),
    "PrometheusDiskFailing": Case(
        "prometheus", "prometheus", failures("prometheus_tsdb_wal_writes_failed_total"), wait=60, ends=900
    ),
    "AlertsRefused": Case(
        "alertmanager",
        "alertmanager",
        failures('alertmanager_notification_requests_failed_total{integration="webhook"}'),
        wait=300,
        ends=120,
        forgiven=120,
    ),
    "ReceiverFailing": Case(
        "mail", "hub", steps('hune_hub_outbox_oldest_seconds{receiver="mail"}', 0, 400), wait=60, forgiven=30
    ),
    "MessagesRefused": Case("mail", "hub", steps('hune_hub_dead_letters{receiver="mail"}', 0, 2), wait=60, forgiven=30),
    "HubDiskFull": Case("hub", "hub", steps("hune_hub_reserve_bytes", 8e6, 3e6), wait=60, forgiven=30),
    "HubBlind": Case(
        "hub",
        "hub",
        lambda well: (
            failures('hune_hub_reconciliations_total{outcome="failed"}')(well)
            | clock('hune_hub_reconciliations_total{outcome="done"}', lambda at: min(at, WRONG) + max(0, at - well))
        ),
        wait=300,
        ends=30,
        forgiven=120,
    ),
    "StoreBehind": Case(
        "victoriametrics",
        "prometheus",
        lambda well: (
            {"process_start_time_seconds": {0: -1000.0}}
            | clock("prometheus_remote_storage_highest_timestamp_in_seconds", float)
            | clock(
                f"prometheus_remote_storage_queue_highest_sent_timestamp_seconds{{{STORE}}}",
                lambda at: WRONG if WRONG < at < well else at,
            )
        ),
        wait=900,
        forgiven=600,
    ),
    "StoreLosing": Case(
        "victoriametrics",
        "prometheus",
        failures(f"prometheus_remote_storage_samples_failed_total{{{STORE}}}", 10),
        wait=60,
        ends=900,
    ),
    "StoreIncomplete": Case(
        "timescale",
        "hub",
        lambda well: {'hune_store_complete_timestamp_seconds{store="timescale"}': {0: 0, WRONG: -7200, well: LONGEST}},
        wait=1800,
        forgiven=900,
    ),
    "StoreShort": Case(
        "victoriametrics",
        "victoriametrics",
        lambda well: (
            steps("vm_free_disk_space_bytes", 2e9, 9e8)(well)
            | {"vm_free_disk_space_limit_bytes": {0: 1e7}, 'vm_data_size_bytes{type="storage/small"}': {0: 5e9}}
        ),
        wait=300,
        forgiven=240,
    ),
    "StoreReadOnly": Case(
        "victoriametrics", "victoriametrics", steps("vm_storage_is_read_only", 0, 1), wait=60, forgiven=30
    ),
    "DatabaseDown": Case("timescale", "timescale", steps("hune_store_database_up", 1, 0), wait=120, forgiven=60),
}


@pytest.fixture
def site() -> Site:
    clusters = [{"name": "home", "nodes": ["pve-01"], "token": {"id": "hune@pve!m", "secret": "env:TOKEN"}}]
    return make_site(stores={"timescale": {}}, proxmox=clusters)


def world_of(service: str, told: Told, seconds: int, *, silent: range = range(0)) -> World:
    """Return a world in which every service answers, and one tells this; while `silent` nobody is asked."""
    world = World(seconds)
    for each in SERVICES:
        facts: Told = {"up": {0: 1.0}} | (told if each == service else {})
        for series, values in facts.items():
            metric, _, labels = series.rstrip("}").partition("{")
            dark: dict[int, Value] = {}
            if silent:
                dark = {silent.start: None, silent.stop: values[max(at for at in values if at <= silent.stop)]}
            name = f'{metric}{{job="{each}",instance="127.0.0.1"{"," if labels else ""}{labels}}}'
            world.put(name, {at: value for at, value in values.items() if at not in silent} | dark)
    return world


def labels_of(name: str) -> dict[str, str]:
    severity = FAULTS[name].severity or SERVICES[CASES[name].subject]
    return {FAULTS[name].about: CASES[name].subject, "severity": severity}


def believed_over(second: int, name: str, *, over: bool) -> dict[str, Any]:
    """Return the expectation of what the hub finds when it asks whether an alert is over."""
    labels = {"alertname": name, **labels_of(name)}
    return samples(second, f"group(({clear(labels)}) or on () ({gone(labels)}))", *([({}, 1.0)] if over else []))


def test_every_alert_has_its_case() -> None:
    assert set(FAULTS) - set(CASES) == {"PrometheusDamaged"}


@pytest.mark.parametrize("name", CASES)
def test_alert_waits_outlives_silence_and_ends_when_measured_as_over(tmp_path: Path, site: Site, name: str) -> None:
    this, labels = CASES[name], labels_of(name)
    fires = WRONG + this.wait + 60
    # For a while nothing is known.
    dark = range(fires + 30, fires + 120)
    well = dark.stop + 60
    over = well + this.ends + 60
    run(
        tmp_path,
        site,
        world_of(this.service, this.told(well), over + EVERY, silent=dark),
        firing(WRONG - EVERY, name),
        firing(WRONG + this.wait - EVERY, name),
        firing(fires, name, labels),
        firing(dark.stop - EVERY, name, labels),
        believed_over(dark.stop - EVERY, name, over=False),
        firing(well - EVERY, name, labels),
        believed_over(well - EVERY, name, over=False),
        firing(over, name),
        believed_over(over, name, over=True),
        every_seconds=EVERY,
    )


@pytest.mark.parametrize("name", [name for name, this in CASES.items() if this.forgiven])
def test_what_passes_by_itself_is_told_to_nobody(tmp_path: Path, site: Site, name: str) -> None:
    """As restarts, reloads and single failures do."""
    this = CASES[name]
    until = WRONG + this.forgiven + this.wait + 120
    world = world_of(this.service, this.told(WRONG + this.forgiven), until)
    run(
        tmp_path,
        site,
        world,
        *(firing(second, name) for second in range(WRONG, until, 60)),
        every_seconds=EVERY,
    )


def test_damage_found_at_a_start_is_told_for_an_hour(tmp_path: Path, site: Site) -> None:
    told: Told = {
        "process_start_time_seconds": {0: -3000},
        "prometheus_tsdb_wal_corruptions_total": {0: 1},
    }
    about = {"service": "prometheus", "severity": "warning"}
    run(
        tmp_path,
        site,
        world_of("prometheus", told, 690),
        firing(300, "PrometheusDamaged", about),
        firing(660, "PrometheusDamaged"),
        every_seconds=EVERY,
    )
    sound: Told = {**told, "prometheus_tsdb_wal_corruptions_total": {0: 0}}
    run(
        tmp_path,
        site,
        world_of("prometheus", sound, 330),
        firing(300, "PrometheusDamaged"),
        every_seconds=EVERY,
    )


def test_a_disk_that_its_machine_tells_of_is_told_once(tmp_path: Path, site: Site) -> None:
    world = world_of("victoriametrics", CASES["StoreShort"].told(LONGEST), 900)
    world.put(
        'ALERTS{alertname="FilesystemFull",alertstate="firing",node="here",filesystem="/",severity="critical"}', {0: 1}
    )
    run(
        tmp_path,
        site,
        world,
        *(firing(at, "StoreShort") for at in range(WRONG, 900, 60)),
        every_seconds=EVERY,
    )


def test_a_store_that_grows_fast_needs_more_room(tmp_path: Path, site: Site) -> None:
    day = 24 * 60
    told: Told = {
        "vm_free_disk_space_bytes": {0: 20e9},
        "vm_free_disk_space_limit_bytes": {0: 0},
        'vm_data_size_bytes{type="storage/big"}': {0: 10e9, day: 18e9},
    }
    world = World(day + 15)
    for series, values in (told | {"up": {0: 1}}).items():
        metric, _, labels = series.rstrip("}").partition("{")
        world.put(f'{metric}{{job="victoriametrics",instance="v",{labels}}}'.replace(",}", "}"), values)
    about = {"service": "victoriametrics", "severity": "warning"}
    run(
        tmp_path,
        site,
        world,
        firing(60 * (day - 5), "StoreShort"),
        message(
            60 * (day + 10),
            "StoreShort",
            about,
            {
                "summary": "Hune: victoriametrics has 20.0 GB left, needs 24 GB",
                "description": "That is what it grew by in 3 days, and no less than 1 GB."
                " It stops storing when nothing is left.",
                "runbook_url": "https://hune.example/runbooks/StoreShort",
                "value": "20.0",
                "unit": "GB",
                "threshold": "24",
            },
        ),
        every_seconds=300,
        sample_seconds=60,
    )


def test_the_severity_is_that_of_what_is_missing(tmp_path: Path, site: Site) -> None:
    world = world_of("nester", {"up": {0: 1, WRONG: 0}}, 615)
    about = {"service": "nester", "severity": "warning"}
    run(
        tmp_path,
        site,
        world,
        message(
            600,
            "ServiceDown",
            about,
            {
                "summary": "Hune: nester does not answer",
                "description": "Prometheus could not read its metrics for 2 minutes."
                " What it does for you is not done meanwhile.",
                "runbook_url": "https://hune.example/runbooks/ServiceDown",
            },
        ),
        every_seconds=EVERY,
    )
