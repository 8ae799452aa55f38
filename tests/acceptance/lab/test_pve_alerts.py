"""From a fault in the lab's Proxmox to what people are told: exactly that, and its end once it is mended.

Faults that have nothing to do with one another are made together: most of the time is waiting for the next scrape.
What Proxmox is asked for but once an hour is asked again at once by an exporter that was started anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from support.capture import Capture
from support.lab_alerts import HOURLY, Told, break_it, command, forget_answers, open_alerts, words
from support.product import Product, get_json, query, wait_until
from support.rule_series import scraped

QUIET_SECONDS = 20.0
"""How long something false is waited for: an evaluation of the rules, and what waits to be told together."""

SITE = """
receivers:
  - name: everybody
    lab: true
    discord: {webhook: env:DISCORD_WEBHOOK_URL}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, capture: Capture) -> Iterator[Product]:
    """A product with the lab whose whole Proxmox has been read, and in which nothing is wrong."""
    product = Product(tmp_path_factory.mktemp("lab"), environ={"DISCORD_WEBHOOK_URL": capture.url})
    product.write_site(SITE)
    product.up()
    try:
        product.ask("lab", "up")
        wait_until(lambda: has_read_all(product), "the whole cluster is read", seconds=240)
        assert open_alerts(product) == set()
        yield product
    finally:
        product.down()


def has_read_all(product: Product) -> bool:
    """Whether every collector has read everything in a scrape of the last half minute, and the rules know."""
    prometheus = product.url("prometheus")
    good = query(prometheus, 'last_over_time(hune:pve_read{collector=~"protection|storage|disks|ha|status"}[20s])')
    return len(good) == 5 and not query(prometheus, 'pve_collector_success{job="pve-hune"} == 0')


def assert_told_exactly(product: Product, capture: Capture, expected: set[Told], *, since: float) -> None:
    """Assert that these alerts begin, that nothing else does, and that each was delivered once."""
    wait_until(lambda: open_alerts(product) >= expected, f"{sorted(expected)} begin", seconds=280)
    time.sleep(QUIET_SECONDS)
    assert open_alerts(product) == expected
    for alert in expected:
        assert [message.method for message in capture.messages(*words(alert), since=since)] == ["POST"]


def assert_mended(product: Product, capture: Capture, expected: set[Told], *, since: float, hourly: bool) -> None:
    """Assert that all of it is over once it is mended, and that people are told so."""
    assert product.run("lab", "mend").returncode == 0
    if hourly:
        forget_answers(product)
    wait_until(lambda: open_alerts(product) == set(), f"{sorted(expected)} end", seconds=280)
    for alert in expected:
        capture.wait_for("resolved", *words(alert), since=since)


def watch(product: Product, seconds: float) -> set[Told]:
    """Return what is open at any time of the next seconds."""
    seen: set[Told] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen |= open_alerts(product)
        time.sleep(2)
    return seen


@dataclass(frozen=True)
class Row:
    """A fault, and exactly the alerts that it raises; those of one table are made together."""

    fault: tuple[str, ...]
    alerts: frozenset[Told] = frozenset()


def row(*fault: str, raises: Iterable[Told] = ()) -> Row:
    return Row(fault, frozenset(raises))


AT_ONCE = (
    row("fill", "pve-01/local-zfs", "96", raises=[("StorageFull", "pve-01 local-zfs")]),
    row("age-backup", "git-1", "9", raises=[("BackupLate", "qemu/105")]),
    row("fail-replication", "wiki-1", raises=[("ReplicationFailing", "pve-01 qemu/106 pve-02")]),
    row("crash", "runner-2", raises=[("GuestDown", "qemu/214")]),
    # On purpose, or none of anybody's business:
    row("stop", "build-3"),
    row("mute-agent", "search-3"),
    # Nor are backups: of all guests of a node, of one that is stopped, of one that is stopped for it.
    row("start-backup", "pve-02"),
    row("start-backup", "build-3"),
    row("start-backup", "blog-1", "--stop"),
)
MORE = (
    row("fill", "nas", "88", raises=[("StorageFilling", "nas")]),
    # A backup that failed its verification is none.
    row("corrupt-backup", "sql-1", raises=[("BackupLate", "qemu/104")]),
    row("fail-backup", "dns-3", raises=[("BackupFailed", "pve-03"), ("BackupLate", "qemu/302")]),
    row("degrade-pool", "pve-02", raises=[("ZfsPoolDegraded", "pve-02 tank")]),
    row("fail-disk", "pve-03", raises=[("DiskFailing", "pve-03 sda")]),
    row("out-osd", "osd.0", raises=[("CephWarning", "")]),
    row("expire-certificate", "pve-01", raises=[("CertificateExpiring", "pve-01 pve-ssl.pem")]),
    row("forbid", "Sys.Modify"),
)
OF_NODES = (
    row("fill", "pve-03/local", "96", raises=[("StorageFull", "pve-03 local")]),
    row("stop-service", "pve-02", "pvestatd", raises=[("PveServiceDown", "pve-02 pvestatd")]),
    row("age-backup", "dns-3", "9", raises=[("BackupLate", "qemu/302")]),
    row("fill", "pve-02/local-zfs", "87", raises=[("StorageFilling", "pve-02 local-zfs")]),
    row("crash", "wiki-1", raises=[("GuestDown", "qemu/106")]),
)
OF_CEPH = (
    # Its disks are near full too, which Ceph itself complains of.
    row("fill", "ceph-vm", "90", raises=[("StorageFilling", "ceph-vm"), ("CephFilling", ""), ("CephWarning", "")]),
)


@pytest.mark.parametrize(
    "table",
    [AT_ONCE, *(pytest.param(table, marks=pytest.mark.long) for table in (MORE, OF_NODES, OF_CEPH))],
    ids=lambda table: table[0].fault[1],
)
def test_faults_of_proxmox_raise_their_alerts_and_no_others(
    lab: Product, capture: Capture, began: float, table: tuple[Row, ...]
) -> None:
    break_it(lab, *(row.fault for row in table))
    expected = {alert for row in table for alert in row.alerts}
    assert_told_exactly(lab, capture, expected, since=began)
    hourly = any(row.fault[0] in HOURLY for row in table)
    assert_mended(lab, capture, expected, since=began, hourly=hourly)


ONLY_ELSEWHERE = {
    "node_bonding_active",
    "node_bonding_slaves",
    "node_md_disks",
    "node_md_disks_required",
    "node_systemd_unit_state",
    "node_zfs_arc_c_min",
    "node_zfs_arc_size",
    "node_zfs_zpool_state",
    "smartmon_device_smart_healthy",
}
"""Of machines with other parts; the real exporter says them in the tests of the rules about machines."""
ONLY_WHEN_WRONG = {
    "hune_pve_api_budget_calls_per_minute",
    "hune_pve_backups_failing",
    "hune_pve_ceph_health_check",
    "hune_pve_disk_attribute_failing",
    "hune_pve_guest_busy",
    "hune_pve_guest_stopped_timestamp_seconds",
    "hune_pve_quorum_qdevice_connected",
    "hune_pve_replication_error_info",
    "pve_lock_state",
}
"""Said only while there is something to say; the exporter's own tests hold that it has them."""


def test_every_series_that_rules_read_is_there_to_be_read(lab: Product) -> None:
    rules = {path.name: path.read_text() for path in (lab.data_dir / "config" / "rules").glob("*.yml")}
    there = set(get_json(f"{lab.url('prometheus')}/api/v1/label/__name__/values")["data"])
    read = scraped(rules)
    assert len(read) > 100
    assert read - there - ONLY_ELSEWHERE - ONLY_WHEN_WRONG == set()


@pytest.mark.long
def test_a_backup_is_nobodys_business_however_long_it_takes(lab: Product, began: float) -> None:
    """For longer than what is looked back at and waited for together; then for as long after its end."""
    guests = (("stop", "build-2"), ("start-backup", "build-2"), ("start-backup", "blog-3", "--stop"))
    break_it(lab, ("start-backup", "pve-01"), *guests)
    node = 'rate(node_pressure_io_stalled_seconds_total{job="node",node="pve-01"}[5m]) > 0.3'
    assert watch(lab, 420) == set()
    assert query(lab.url("prometheus"), node), "the disks are as busy as a backup makes them"
    command(lab, "end-backup")
    assert watch(lab, 300) == set()


@pytest.mark.long
def test_a_backup_that_fails_is_told_until_the_next_one_does_not(lab: Product, capture: Capture, began: float) -> None:
    break_it(lab, ("start-backup", "mail-3"), ("start-backup", "pve-02"))
    command(lab, "end-backup", "--failed")
    expected = {("BackupFailed", "pve-02"), ("BackupFailed", "pve-03")}
    assert_told_exactly(lab, capture, expected, since=began)
    command(lab, "start-backup", "mail-3")
    command(lab, "start-backup", "pve-02")
    assert open_alerts(lab) == expected
    command(lab, "end-backup")
    wait_until(lambda: open_alerts(lab) == set(), "the next ones were good", seconds=280)
    for alert in expected:
        capture.wait_for("resolved", *words(alert), since=began)


@pytest.mark.long
def test_nodes_that_do_not_hear_each_other_have_lost_quorum_and_nothing_else(
    lab: Product, capture: Capture, began: float
) -> None:
    break_it(lab, ("split",))
    expected = {("PveQuorumLost", "")}
    assert_told_exactly(lab, capture, expected, since=began)
    assert_mended(lab, capture, expected, since=began, hourly=False)


@pytest.mark.long
def test_a_node_that_dies_takes_no_alert_of_what_was_on_it_along(lab: Product, capture: Capture, began: float) -> None:
    """For four minutes: guests, disks, Ceph's complaints, replications to it; that HA fences it is news."""
    break_it(lab, ("kill", "pve-02"))
    expected = {("NodeDown", "pve-02"), ("PveNodeFenced", "pve-02")}
    assert watch(lab, 240) == expected
    command(lab, "revive", "pve-02")
    assert watch(lab, 180) <= expected


@pytest.mark.long
def test_a_node_that_is_fenced_is_dead_and_fenced_and_nothing_else(
    lab: Product, capture: Capture, began: float
) -> None:
    break_it(lab, ("fence", "pve-02"))
    expected = {("NodeDown", "pve-02"), ("PveNodeFenced", "pve-02")}
    assert_told_exactly(lab, capture, expected, since=began)
    assert lab.run("lab", "revive", "pve-02").returncode == 0
    wait_until(lambda: open_alerts(lab) == set(), "it is back", seconds=240)
