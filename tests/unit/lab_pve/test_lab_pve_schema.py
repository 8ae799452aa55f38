"""Every answer of the simulated API fits Proxmox' own schema, whole and broken."""

import json

import pytest

from support.lab_pve import Stand
from support.pve_schema import problems

# Words that Proxmox has too, by which it says that something is not there.
SAID = ("is not running", "No QEMU guest agent configured", "guest agent is not running", "migrated to rules")


def broken() -> Stand:
    stand = Stand()
    for fault, subject, value in (
        ("fill", "ceph-vm", 96.0),
        ("fill", "pve-01/local", 99.0),
        ("age-backup", "sql-1", 9.0),
        ("fail-backup", "104", None),
        ("corrupt-backup", "qemu/102", None),
        ("fail-replication", "files-1", None),
        ("stop", "mail-1", None),
        ("mute-agent", "105", None),
        ("degrade-pool", "pve-02", None),
        ("fail-disk", "pve-01", 98.0),
        ("out-osd", "2", None),
        ("stop-service", "pve-01/pvestatd", None),
        ("expire-certificate", "pve-02", -3.0),
    ):
        stand.do(fault, subject, value)
    return stand


def fencing() -> Stand:
    stand = Stand()
    stand.kill("pve-02", "hang")
    stand.now += 90
    return stand


def recovered() -> Stand:
    stand = Stand()
    stand.kill("pve-03")
    stand.now += 700
    return stand


def split() -> Stand:
    stand = Stand(prefix="lab-")
    stand.do("split", "cluster")
    return stand


def at_night() -> Stand:
    stand = Stand()
    stand.now -= 9.3 * 3600
    return stand


@pytest.mark.parametrize("make", [Stand, broken, fencing, recovered, split, at_night])
def test_every_answer_fits_the_schema(make: type[Stand]) -> None:
    stand = make()
    answered = 0
    for pattern, target, answer in stand.everything():
        if answer.status != 200:
            assert answer.status == 500, (target, answer.reason)
            assert any(words in answer.reason for words in SAID), (target, answer.reason)
            continue
        assert problems(pattern, json.loads(answer.body)["data"]) == [], target
        answered += 1
    assert answered > 400


def test_history_fits_the_schema() -> None:
    data = Stand().get("/cluster/metrics/export?history=1&local-only=1")
    assert problems("/cluster/metrics/export", data) == []
