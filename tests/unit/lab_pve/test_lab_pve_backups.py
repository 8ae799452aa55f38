"""A backup that somebody starts: what Proxmox shows while it runs, and what is left of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from hune.core.errors import InputError
from hune.lab.pve import backing_up, faults
from hune.lab.pve.cluster import Cluster
from hune.lab.pve.usage import Usage
from support.lab_pve import Stand


def start(stand: Stand, subject: str, *, stops: bool = False) -> dict[str, Any]:
    return backing_up.begin(stand.state, subject, stops=stops, now=stand.now)


def end(stand: Stand, subject: str = "", *, failed: bool = False) -> None:
    backing_up.end(stand.state, subject, failed=failed, now=stand.now)


def guest(stand: Stand, vmid: int) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in stand.get("/cluster/resources?type=vm") if row["vmid"] == vmid)
    return found


def backups_of(stand: Stand, vmid: int) -> list[dict[str, Any]]:
    rows = stand.get(f"/nodes/pve-01/storage/pbs/content?content=backup&vmid={vmid}")
    return sorted(rows, key=lambda row: -float(row["ctime"]))


def vzdump(stand: Stand, node: str = "pve-01") -> dict[str, Any]:
    tasks = stand.get("/cluster/tasks")
    return next(row for row in tasks if row["type"] == "vzdump" and row["node"] == node)


def test_a_running_backup_is_a_task_without_an_end_a_lock_and_an_unfinished_archive() -> None:
    stand = Stand()
    assert start(stand, "sql-1")["subject"] == "qemu/104 sql-1"
    stand.now += 3600
    assert (guest(stand, 104)["status"], guest(stand, 104)["lock"]) == ("running", "backup")
    assert stand.get("/nodes/pve-01/qemu/104/config")["lock"] == "backup"
    assert vzdump(stand)["id"] == "104"
    assert not {"endtime", "status"} & vzdump(stand).keys()
    assert backups_of(stand, 104)[0]["size"] == 1
    end(stand)
    assert "lock" not in guest(stand, 104)
    assert (vzdump(stand)["endtime"], vzdump(stand)["status"]) == (int(stand.now), "OK")
    assert backups_of(stand, 104)[0]["size"] > 1 << 30
    assert backups_of(stand, 104)[0]["ctime"] == stand.now - 3600


def test_a_backup_that_fails_leaves_a_task_with_errors_and_nothing_on_the_store() -> None:
    stand = Stand()
    before, used = backups_of(stand, 104), stand.get("/nodes/pve-01/storage/pbs/status")["used"]
    start(stand, "104")
    stand.now += 60
    assert stand.get("/nodes/pve-01/storage/pbs/status")["used"] - used == pytest.approx(6e9, rel=0.5)
    end(stand, "sql-1", failed=True)
    assert vzdump(stand)["status"] == "job errors"
    assert backups_of(stand, 104) == before
    stand.mend()
    assert vzdump(stand)["id"] == ""
    assert backing_up.noteworthy(stand.state) == []


@pytest.mark.parametrize("fault", ["age-backup", "fail-backup", "corrupt-backup"])
def test_a_fault_of_backups_means_those_made_by_hand_too_until_the_next_one(fault: str) -> None:
    stand = Stand()
    start(stand, "sql-1")
    stand.now += 60
    end(stand)
    by_hand = backups_of(stand, 104)[0]["ctime"]
    stand.now += 60
    stand.do(fault, "sql-1", 9 if fault == "age-backup" else None)
    newest = backups_of(stand, 104)[0]
    assert newest["ctime"] < by_hand or newest["verification"]["state"] == "failed"
    start(stand, "sql-1")
    stand.now += 60
    end(stand)
    newest = backups_of(stand, 104)[0]
    assert newest["ctime"] == stand.now - 60
    assert "verification" not in newest


def test_a_backup_takes_no_more_room_than_it_may() -> None:
    stand = Stand()
    for _ in range(60):
        start(stand, "pve-02")
        stand.now += 9_000
        end(stand)
    pbs = stand.get("/nodes/pve-01/storage/pbs/status")
    assert len(stand.state.pve.runs) == 50
    assert pbs["used"] / pbs["total"] < 0.8


def test_a_stopped_virtual_machine_is_paused_and_a_stopped_container_stays_stopped() -> None:
    stand = Stand()
    stand.do("stop", "build-1")
    stand.do("stop", "blog-2")
    start(stand, "build-1")
    start(stand, "blog-2")
    stand.now += 90
    paused = guest(stand, 115)
    assert (paused["status"], paused["lock"], paused["cpu"]) == ("running", "backup", 0)
    assert paused["uptime"] > 0
    assert stand.get("/nodes/pve-01/qemu/115/status/current")["qmpstatus"] == "prelaunch"
    assert stand.answer("/nodes/pve-01/qemu/115/agent/get-fsinfo").status == 500
    assert (guest(stand, 226)["status"], guest(stand, 226)["lock"]) == ("stopped", "backup")
    end(stand)
    assert (guest(stand, 115)["status"], guest(stand, 226)["status"]) == ("stopped", "stopped")
    assert not [row for row in stand.get("/cluster/tasks") if row["type"] == "qmstart" and row["id"] == "115"]


def test_mode_stop_stops_a_container_for_as_long_as_it_lasts_and_a_virtual_machine_for_a_moment() -> None:
    stand = Stand()
    start(stand, "blog-2", stops=True)
    start(stand, "cache-1", stops=True)
    assert {guest(stand, vmid)["status"] for vmid in (226, 113)} == {"stopped"}
    stand.now += 60
    assert (guest(stand, 226)["status"], guest(stand, 113)["status"]) == ("stopped", "running")
    assert guest(stand, 113)["uptime"] < 60
    end(stand)
    stand.now += 10
    assert {guest(stand, vmid)["status"] for vmid in (226, 113)} == {"running"}
    assert not [row for row in stand.get("/cluster/tasks") if row["type"] in ("qmstart", "vzstart")]


def test_a_node_is_backed_up_guest_by_guest() -> None:
    stand = Stand()
    start(stand, "pve-03")
    locked = []
    for _ in range(40):
        locked.append([row["vmid"] for row in stand.get("/cluster/resources?type=vm") if "lock" in row])
        stand.now += 40
    assert locked[:3] == [[301], [302], [303]]
    assert locked[-1] == locked[-2] == [332]
    assert vzdump(stand, "pve-03")["id"] == ""
    end(stand, failed=True)
    began = stand.now - 40 * 40
    assert backups_of(stand, 302)[0]["ctime"] == began + 40
    assert backups_of(stand, 332)[0]["ctime"] < began


def test_the_node_waits_for_its_disks() -> None:
    stand = Stand()
    usage = Usage(Cluster(stand.state, stand.now), stand.now)
    calm, waits = usage.node_pressure(1)["pressureiofull"], usage.waiting(1)
    start(stand, "sql-1")
    assert usage.node_pressure(1)["pressureiofull"] > 30 > calm
    assert usage.waiting(1) > 10 * waits
    assert (usage.demand(1).is_backing_up, usage.demand(2).is_backing_up) == (True, False)


def test_the_death_of_a_node_ends_its_backups() -> None:
    stand = Stand()
    start(stand, "sql-1")
    start(stand, "sql-2")
    backing_up.interrupt(stand.state, 1, stand.now)
    assert [run.has_failed for run in stand.state.pve.runs] == [True, False]


@pytest.mark.parametrize(
    ("subject", "stops", "line"),
    [
        ("sql-9", False, "no such guest"),
        ("pve-01", True, "nothing that could be stopped"),
        ("archive-2", True, "nothing that could be stopped"),
        ("mail-1", False, "makes a backup already"),
        ("sql-3", False, "dead"),
    ],
)
def test_what_cannot_be_backed_up_is_said_in_a_line(subject: str, stops: bool, line: str) -> None:
    stand = Stand()
    if line == "makes a backup already":
        start(stand, "sql-1")
    stand.kill("pve-03")
    with pytest.raises(InputError, match=line):
        start(stand, subject, stops=stops)


def test_backups_outlive_the_lab_and_a_state_of_before_them_is_read() -> None:
    stand = Stand()
    start(stand, "sql-1")
    end(stand, failed=True)
    start(stand, "blog-1", stops=True)
    kept = json.loads(json.dumps(asdict(stand.state.pve)))
    assert faults.parse(kept) == stand.state.pve
    del kept["runs"]
    assert faults.parse(kept).runs == []
