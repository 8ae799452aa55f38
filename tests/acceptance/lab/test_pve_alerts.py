"""From a fault in the lab's Proxmox to what people are told: exactly that, and its end once it is mended.

Faults that have nothing to do with one another are made together: most of the time is waiting for the next scrape.
What Proxmox is asked for but once an hour is asked again at once by an exporter that was started anew.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hune.alerting.machine import TROUBLES
from hune.alerting.words import WORDS
from support.capture import Capture, capturing
from support.product import Product, get_json, query, wait_until

QUIET_SECONDS = 20.0
"""How long something false is waited for: an evaluation of the rules, and what waits to be told together."""

Told = tuple[str, str]
"""An alert's name, and what it is about."""

SITE = """
receivers:
  - name: everybody
    lab: true
    discord: {webhook: env:DISCORD_WEBHOOK_URL}
"""

HOURLY = {"age-backup", "fail-backup", "corrupt-backup", "expire-certificate", "fail-disk"}
"""Faults of what is asked for once an hour, or seldom."""


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    with capturing(tmp_path_factory.mktemp("discord")) as server:
        yield server


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, capture: Capture) -> Iterator[Product]:
    """A product with the lab whose whole Proxmox has been read, and in which nothing is wrong."""
    product = Product(tmp_path_factory.mktemp("lab"), environ={"DISCORD_WEBHOOK_URL": capture.url})
    product.write_site(SITE)
    product.up()
    try:
        product.ask("lab", "up")
        wait_until(lambda: has_read_all(product), "the whole cluster is read")
        assert open_alerts(product) == set()
        yield product
    finally:
        product.down()


@pytest.fixture
def began(lab: Product) -> Iterator[float]:
    """The moment the test began; afterwards the lab is whole and nothing is open any more."""
    yield time.time()
    lab.run("lab", "mend")
    lab.run("lab", "revive")
    if open_alerts(lab):
        forget_answers(lab)
    wait_until(lambda: open_alerts(lab) == set(), "every alert is over", seconds=240)


def has_read_all(product: Product) -> bool:
    """Whether every collector has read everything in a scrape of the last half minute, and the rules know."""
    prometheus = product.url("prometheus")
    good = query(prometheus, 'last_over_time(hune:pve_read{collector=~"protection|storage|disks|ha|status"}[20s])')
    return len(good) == 5 and not query(prometheus, 'pve_collector_success{job="pve-hune"} == 0')


def open_alerts(product: Product) -> set[Told]:
    alerts = get_json(f"{product.url('hub')}/alerts")["alerts"]
    # What ails the machine that the tests run on is no fault of the lab.
    ours = [row for row in alerts if row["labels"].get("lab") or row["alertname"] not in TROUBLES]
    return {told(row["labels"]) for row in ours if row["state"] != "resolved"}


def told(labels: dict[str, Any]) -> Told:
    about = ("node", "id", "target", "storage", "pool", "device", "osd", "file", "collector")
    return labels["alertname"], " ".join(labels[name] for name in about if name in labels)


def words(alertname: str, about: str) -> list[str]:
    """Return what a message about an alert is recognized by."""
    return [WORDS["en"][alertname].title, *about.split()]


def break_it(product: Product, *faults: tuple[str, ...]) -> None:
    for fault in faults:
        result = product.run("lab", *fault)
        assert result.returncode == 0, result.stderr
    if any(fault[0] in HOURLY for fault in faults):
        forget_answers(product)


def forget_answers(product: Product) -> None:
    os.kill(product.pid("pve-exporter"), signal.SIGKILL)


def assert_told_exactly(product: Product, capture: Capture, expected: set[Told], *, since: float) -> None:
    """Assert that these alerts begin, that nothing else does, and that each was delivered once."""
    wait_until(lambda: open_alerts(product) >= expected, f"{sorted(expected)} begin", seconds=200)
    time.sleep(QUIET_SECONDS)
    assert open_alerts(product) == expected
    for alertname, about in expected:
        assert [message.method for message in capture.messages(*words(alertname, about), since=since)] == ["POST"]


def assert_mended(product: Product, capture: Capture, expected: set[Told], *, since: float, hourly: bool) -> None:
    """Assert that all of it is over once it is mended, and that people are told so."""
    assert product.run("lab", "mend").returncode == 0
    if hourly:
        forget_answers(product)
    wait_until(lambda: open_alerts(product) == set(), f"{sorted(expected)} end", seconds=240)
    for alertname, about in expected:
        capture.wait_for("resolved", *words(alertname, about), since=since)


def test_faults_of_proxmox_raise_their_alerts_and_no_others(lab: Product, capture: Capture, began: float) -> None:
    break_it(
        lab,
        ("fill", "pve-01/local-zfs", "96"),
        ("age-backup", "git-1", "9"),
        ("fail-replication", "wiki-1"),
        ("crash", "runner-2"),
        # On purpose, or none of anybody's business:
        ("stop", "build-2"),
        ("mute-agent", "search-3"),
    )
    expected = {
        ("StorageFull", "pve-01 local-zfs"),
        ("BackupLate", "qemu/105"),
        ("ReplicationFailing", "pve-01 qemu/106 pve-02"),
        ("GuestDown", "qemu/214"),
    }
    assert_told_exactly(lab, capture, expected, since=began)
    assert_mended(lab, capture, expected, since=began, hourly=True)


@pytest.mark.long
def test_more_faults_of_proxmox_raise_their_alerts_and_no_others(lab: Product, capture: Capture, began: float) -> None:
    break_it(
        lab,
        ("fill", "nas", "88"),
        ("corrupt-backup", "sql-1"),
        ("fail-backup", "dns-3"),
        ("degrade-pool", "pve-02"),
        ("fail-disk", "pve-03"),
        ("out-osd", "osd.0"),
        ("expire-certificate", "pve-01"),
        ("forbid", "Sys.Modify"),
    )
    expected = {
        ("StorageFilling", "nas"),
        # One that failed its verification is none.
        ("BackupLate", "qemu/104"),
        ("BackupFailed", "pve-03"),
        ("BackupLate", "qemu/302"),
        ("ZfsPoolDegraded", "pve-02 tank"),
        ("DiskFailing", "pve-03 sda"),
        ("CephWarning", ""),
        ("CertificateExpiring", "pve-01 pve-ssl.pem"),
    }
    assert_told_exactly(lab, capture, expected, since=began)
    assert_mended(lab, capture, expected, since=began, hourly=True)


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
    seen: set[Told] = set()
    end = time.monotonic() + 240
    while time.monotonic() < end:
        seen |= open_alerts(lab)
        time.sleep(2)
    assert seen == {("NodeDown", "pve-02"), ("PveNodeFenced", "pve-02")}
    assert lab.run("lab", "revive", "pve-02").returncode == 0
    end = time.monotonic() + 180
    while time.monotonic() < end:
        seen |= open_alerts(lab)
        time.sleep(2)
    assert seen == {("NodeDown", "pve-02"), ("PveNodeFenced", "pve-02")}


@pytest.mark.long
def test_a_node_that_is_fenced_is_dead_and_fenced_and_nothing_else(
    lab: Product, capture: Capture, began: float
) -> None:
    break_it(lab, ("fence", "pve-02"))
    expected = {("NodeDown", "pve-02"), ("PveNodeFenced", "pve-02")}
    assert_told_exactly(lab, capture, expected, since=began)
    assert lab.run("lab", "revive", "pve-02").returncode == 0
    wait_until(lambda: open_alerts(lab) == set(), "it is back", seconds=240)
