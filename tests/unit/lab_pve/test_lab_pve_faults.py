"""What each fault changes in the answers, and that mending undoes it."""

import re
from pathlib import Path
from typing import Any

import pytest

from hune.core.errors import InputError
from hune.lab.pve import backups
from hune.lab.pve.breaking import KINDS
from hune.lab.pve.guests import GUESTS
from support.lab_pve import NOW, Stand

DAY = 86_400


def newest(stand: Stand, vmid: int, storage: str = "pbs") -> dict[str, Any]:
    rows = stand.get(f"/nodes/pve-01/storage/{storage}/content?content=backup&vmid={vmid}")
    assert {row["vmid"] for row in rows} == {vmid}
    found: dict[str, Any] = max(rows, key=lambda row: float(row["ctime"]))
    return found


def test_a_full_storage_shows_wherever_it_is_told() -> None:
    stand = Stand()
    stand.do("fill", "local-zfs", 96)
    stand.do("fill", "pve-02/local", 99)
    for node in ("pve-01", "pve-02", "pve-03"):
        status = stand.get(f"/nodes/{node}/storage/local-zfs/status")
        assert status["used"] / status["total"] == pytest.approx(0.96, abs=1e-6)
        (pool,) = stand.get(f"/nodes/{node}/disks/zfs")
        assert pool["alloc"] / pool["size"] == pytest.approx(0.96, abs=1e-6)
    roots = {node: row["disk"] / row["maxdisk"] for node, row in stand.rows("/nodes", "node").items()}
    assert roots["pve-02"] == pytest.approx(0.99, abs=1e-6)
    assert max(roots["pve-01"], roots["pve-03"]) < 0.3


def test_history_before_a_fault_stays_as_it_was() -> None:
    stand = Stand()
    stand.do("fill", "local-zfs", 96)
    exported = stand.get("/cluster/metrics/export?history=1&local-only=1")["data"]
    found = {
        row["timestamp"]: row["value"]
        for row in exported
        if (row["id"], row["metric"]) == ("storage/pve-01/local-zfs", "disk_used")
    }
    assert found[int(NOW)] > 2 * found[int(NOW) - 10]


@pytest.mark.parametrize(("percent", "health"), [(50, "HEALTH_OK"), (88, "HEALTH_WARN"), (97, "HEALTH_ERR")])
def test_a_full_ceph_complains(percent: float, health: str) -> None:
    stand = Stand()
    stand.do("fill", "ceph-vm", percent)
    assert stand.get("/cluster/ceph/status")["health"]["status"] == health
    pool = stand.rows("/nodes/pve-02/ceph/pool", "pool_name")["vm"]
    assert pool["percent_used"] == pytest.approx(percent / 100, abs=1e-6)


def test_an_old_backup_is_so_old_now_and_none_follows() -> None:
    stand = Stand()
    stand.do("age-backup", "sql-1", 9)
    assert newest(stand, 104)["ctime"] == NOW - 9 * DAY
    assert newest(stand, 105)["ctime"] > NOW - DAY
    stand.now += 2 * DAY
    assert newest(stand, 104)["ctime"] == NOW - 9 * DAY
    stand.mend("sql-1")
    assert newest(stand, 104)["ctime"] > stand.now - DAY


def test_a_failed_backup_leaves_the_one_before_and_a_task_with_errors() -> None:
    stand = Stand()
    assert stand.get("/nodes/pve-01/tasks?errors=1") == []
    stand.do("fail-backup", "104")
    assert NOW - 2 * DAY < newest(stand, 104)["ctime"] < NOW - DAY
    (failed,) = stand.get("/nodes/pve-01/tasks?errors=1")
    assert (failed["type"], failed["status"]) == ("vzdump", "job errors")
    assert stand.get("/nodes/pve-02/tasks?errors=1") == []


def test_nobody_backs_up_the_guests_of_a_dead_node_but_those_that_were_recovered() -> None:
    stand = Stand()
    stand.kill("pve-02")
    stand.now += 2 * DAY
    ages = {vmid: stand.now - newest(stand, vmid)["ctime"] for vmid in (104, 204, 210)}
    assert max(ages[104], ages[204]) < DAY
    assert ages[210] > 2 * DAY


def test_a_corrupt_backup_is_the_newest() -> None:
    stand = Stand()
    assert newest(stand, 104)["verification"]["state"] == "ok"
    stand.do("corrupt-backup", "104")
    assert newest(stand, 104)["verification"]["state"] == "failed"


def test_a_failed_replication_counts_its_tries() -> None:
    stand = Stand()
    before = stand.rows("/nodes/pve-01/replication", "guest")[107]
    assert before["fail_count"] == 0
    stand.do("fail-replication", "erp-1")
    stand.now += 2000
    row = stand.rows("/nodes/pve-01/replication", "guest")[107]
    assert row["fail_count"] == 4
    assert row["last_sync"] == before["last_sync"]
    assert row["error"]
    assert stand.get("/nodes/pve-01/replication/107-0/status") == row
    stand.mend("fail-replication")
    assert stand.rows("/nodes/pve-01/replication", "guest")[107]["fail_count"] == 0


def test_replication_to_a_dead_node_fails_when_it_is_due() -> None:
    stand = Stand()
    stand.now += 120
    stand.kill("pve-02")
    assert {row["fail_count"] for row in stand.get("/nodes/pve-01/replication")} == {0}
    stand.now += 900
    assert {row["fail_count"] for row in stand.get("/nodes/pve-01/replication")} == {1}
    assert {row["fail_count"] for row in stand.get("/nodes/pve-03/replication")} == {0}


def test_a_stopped_guest_is_stopped_until_it_is_mended() -> None:
    stand = Stand()
    stand.do("stop", "lxc/125")
    row = stand.rows("/cluster/resources?type=vm", "id")["lxc/125"]
    assert (row["status"], row["uptime"], row["mem"]) == ("stopped", 0, 0)
    stand.now += 60
    stand.mend()
    stand.now += 30
    row = stand.rows("/cluster/resources?type=vm", "id")["lxc/125"]
    assert row["status"] == "running"
    assert 0 < row["uptime"] <= 30
    kinds = [row["type"] for row in stand.get("/nodes/pve-01/tasks?vmid=125")]
    assert kinds == ["vzstart"]


def test_a_crashed_guest_is_stopped_by_nobody_until_it_is_mended() -> None:
    stand = Stand()
    stand.do("crash", "runner-1")
    row = stand.rows("/cluster/resources?type=vm", "id")["qemu/114"]
    assert (row["status"], row["uptime"]) == ("stopped", 0)
    assert stand.get("/nodes/pve-01/tasks?vmid=114") == []
    assert stand.get("/nodes/pve-01/qemu/114/config")["onboot"] == 1
    stand.now += 60
    stand.mend("crash")
    stand.now += 30
    assert stand.rows("/cluster/resources?type=vm", "id")["qemu/114"]["status"] == "running"
    assert [row["type"] for row in stand.get("/nodes/pve-01/tasks?vmid=114")] == ["qmstart"]


def test_the_log_of_a_backup_tells_whose_backup_failed() -> None:
    stand = Stand()
    stand.do("fail-backup", "104")
    (failed,) = stand.get("/nodes/pve-01/tasks?errors=1")
    log = stand.get(f"/nodes/pve-01/tasks/{failed['upid']}/log?limit=1000")
    assert [row["n"] for row in log] == list(range(1, len(log) + 1))
    text = [row["t"] for row in log]
    assert "--storage pbs" in text[0]
    assert "INFO: Finished Backup of VM 103 (00:00:40)" in text
    assert [line for line in text if "ERROR" in line and " 104 " in line]
    assert not [line for line in text if "Finished Backup of VM 104 " in line]
    assert text[-1] == "TASK ERROR: job errors"
    part = stand.get(f"/nodes/pve-01/tasks/{failed['upid']}/log?start=2&limit=1")
    assert part == [{"n": 3, "t": text[2]}]


def test_a_mute_agent_tells_nothing_of_its_file_systems() -> None:
    stand = Stand()
    systems = stand.get("/nodes/pve-01/qemu/104/agent/get-fsinfo")["result"]
    assert all(0 < system["used-bytes"] < system["total-bytes"] for system in systems)
    stand.do("mute-agent", "104")
    answer = stand.answer("/nodes/pve-01/qemu/104/agent/get-fsinfo")
    assert (answer.status, answer.reason) == (500, "QEMU guest agent is not running")


def test_hardware_faults_show_on_their_node_alone() -> None:
    stand = Stand()
    stand.do("degrade-pool", "pve-02")
    stand.do("fail-disk", "PVE-03", 98)
    pools = [stand.get(f"/nodes/pve-0{number}/disks/zfs")[0]["health"] for number in (1, 2, 3)]
    assert pools == ["ONLINE", "DEGRADED", "ONLINE"]
    (top,) = stand.get("/nodes/pve-02/disks/zfs/tank")["children"]
    assert [leaf["state"] for leaf in top["children"][0]["children"]] == ["ONLINE", "FAULTED"]
    for node, health, wearout in (("pve-01", "PASSED", 96), ("pve-03", "FAILED", 2)):
        disk = stand.rows(f"/nodes/{node}/disks/list", "devpath")["/dev/sda"]
        assert disk["health"] == stand.get(f"/nodes/{node}/disks/smart?disk=/dev/sda")["health"] == health
        assert disk["wearout"] == pytest.approx(wearout, abs=3)
    skipped = stand.rows("/nodes/pve-03/disks/list?skipsmart=1", "devpath")["/dev/sda"]
    assert skipped["health"] == "UNKNOWN"


def test_an_osd_that_is_out_lacks_its_copies() -> None:
    stand = Stand()
    stand.do("out-osd", "osd.1")
    status = stand.get("/cluster/ceph/status")
    assert (status["osdmap"]["num_in_osds"], status["osdmap"]["num_up_osds"]) == (2, 3)
    assert status["health"]["checks"].keys() == {"PG_DEGRADED"}
    (top,) = stand.get("/nodes/pve-01/ceph/osd")["root"]["children"]
    osds = {osd["name"]: osd for host in top["children"] for osd in host["children"]}
    assert {name: (osd["in"], osd["status"]) for name, osd in osds.items()} == {
        "osd.0": (1, "up"),
        "osd.1": (0, "up"),
        "osd.2": (1, "up"),
    }


def test_a_failed_service_and_an_ending_certificate_show() -> None:
    stand = Stand()
    stand.do("stop-service", "pve-01/pvestatd")
    stand.do("expire-certificate", "pve-01", -2)
    assert stand.rows("/nodes/pve-01/services", "service")["pvestatd"]["state"] == "failed"
    assert stand.rows("/nodes/pve-02/services", "service")["pvestatd"]["state"] == "running"
    ends = stand.rows("/nodes/pve-01/certificates/info", "filename")["pve-ssl.pem"]["notafter"]
    assert ends == NOW - 2 * DAY
    assert stand.rows("/nodes/pve-02/certificates/info", "filename")["pve-ssl.pem"]["notafter"] > NOW + 365 * DAY


def test_at_rest_everything_is_well() -> None:
    stand = Stand()
    assert stand.get("/cluster/ceph/status")["health"]["status"] == "HEALTH_OK"
    for node in ("pve-01", "pve-02", "pve-03"):
        assert {row["fail_count"] for row in stand.get(f"/nodes/{node}/replication")} == {0}
        assert {row["health"] for row in stand.get(f"/nodes/{node}/disks/list")} == {"PASSED"}
        assert {row["status"] for row in stand.get(f"/nodes/{node}/tasks")} == {"OK"}
        assert stand.get(f"/nodes/{node}/subscription")["status"] == "active"
        assert all(row["used"] < 0.7 * row["total"] for row in stand.get(f"/nodes/{node}/storage"))
    unprotected = {row["vmid"] for row in stand.get("/cluster/backup-info/not-backed-up")}
    assert unprotected == {guest.vmid for guest in GUESTS if "no-backup" in guest.tags}


def test_backups_are_as_many_and_as_old_as_the_jobs_keep() -> None:
    stand = Stand()
    rows = stand.get("/nodes/pve-02/storage/pbs/content?vmid=204")
    assert len(rows) == backups.KEEP_DAILY + backups.KEEP_WEEKLY
    assert NOW - DAY < rows[0]["ctime"] < NOW
    assert newest(stand, 204, "nas")["ctime"] > NOW - 7 * DAY
    assert all(str(row["vmid"]) in row["volid"] for row in rows)


def test_at_night_each_guest_is_locked_while_it_is_backed_up() -> None:
    stand = Stand()
    midnight = NOW // DAY * DAY
    stand.now = midnight + backups.NIGHTLY_SECONDS + 3 * backups.SLOT_SECONDS + 5
    locked = [row["vmid"] for row in stand.get("/cluster/resources?type=vm") if row.get("lock") == "backup"]
    assert locked == [104, 204, 304]
    assert newest(stand, 103)["ctime"] > midnight
    assert newest(stand, 104)["ctime"] < midnight
    running = [row for row in stand.get("/nodes/pve-01/tasks?source=all") if "endtime" not in row]
    assert [row["type"] for row in running] == ["vzdump"]
    upid = running[0]["upid"]
    assert re.fullmatch(r"UPID:pve-01:[0-9A-F]{8}:[0-9A-F]{8,}:[0-9A-F]{8}:vzdump::root@pam:", upid)
    assert stand.get(f"/nodes/pve-01/tasks/{upid}/status")["status"] == "running"


@pytest.mark.parametrize(
    ("fault", "subject", "value", "message"),
    [
        ("fil", "local", 5, "fil: no such fault; did you mean fill?"),
        ("fill", "locl", 5, "locl: no such storage of the lab; did you mean local?"),
        ("fill", "pve-01/nas", 5, "nas: shared by all nodes, so no node has one of its own; give nas"),
        ("fill", "pve-09/local", 5, "pve-09: no such node of the lab; did you mean pve-0"),
        ("fill", "local", None, "no number of percent; give 0 to 100"),
        ("fill", "local", float("nan"), "no number of percent; give 0 to 100"),
        ("fill", "local", 101, "101: no possible number of percent; give 0 to 100"),
        ("stop", "sql-9", None, "sql-9: no such guest of the lab; did you mean sql-"),
        ("stop", "999", None, "999: no such guest of the lab; give 101 to 133, 201 to 233 or 301 to 333"),
        ("stop", "archive-1", None, "qemu/132 archive-1: doesn't run anyway; take router-1, for example"),
        ("fail-replication", "sql-2", None, "qemu/204 sql-2: not replicated; take wiki-2, for example"),
        ("mute-agent", "proxy-1", None, "lxc/119 proxy-1: has no guest agent; take router-1, for example"),
        ("age-backup", "scratch-1", 3, "lxc/133 scratch-1: no job backs it up; take router-1, for example"),
        ("out-osd", "osd.7", None, "osd.7: no such OSD of the lab; did you mean osd."),
        ("stop-service", "pve-01/pvestad", None, "pvestad: no such service of a node; did you mean pvestatd?"),
        ("forbid", "Sys.Console", None, "Sys.Console: not a privilege of the lab's token"),
    ],
)
def test_what_cannot_be_broken_is_told_in_one_line(fault: str, subject: str, value: float | None, message: str) -> None:
    stand = Stand()
    with pytest.raises(InputError, match=re.escape(message)):
        stand.do(fault, subject, value)
    assert stand.state.pve.faults == []


def test_mending_takes_a_subject_a_kind_or_everything() -> None:
    stand = Stand(prefix="lab-")
    for fault, subject, value in (("fill", "nas", 99.0), ("stop", "sql-1", None), ("degrade-pool", "lab-pve-02", None)):
        stand.do(fault, subject, value)
    with pytest.raises(InputError, match="sql-2: nothing of that name is broken; there are: fill, nas, stop, qemu/104"):
        stand.mend("sql-2")
    assert [event["subject"] for event in stand.mend("SQL-1")] == ["qemu/104 sql-1"]
    assert [event["subject"] for event in stand.mend("fill")] == ["nas"]
    assert [event["subject"] for event in stand.mend()] == ["lab-pve-02"]
    assert stand.mend() == []


def test_a_fault_that_is_repeated_takes_the_place_of_the_old_one() -> None:
    stand = Stand()
    stand.do("fill", "nas", 90)
    stand.do("fill", "nas", 95)
    assert [fault.value for fault in stand.state.pve.faults] == [95]


def test_every_command_asks_for_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from hune.cli import lab_proxmox

    values = {
        "node": "pve-01",
        "guest": "erp-1",
        "storage": "nas",
        "percent": "95",
        "days": "9",
        "osd": "osd.1",
        "service": "chrony",
        "subject": "erp-1",
        "privilege": "VM.Audit",
    }
    stand = Stand()

    def do(name: str, body: dict[str, Any], *_: object) -> None:
        if name == "break":
            stand.do(body["fault"], body["subject"], body["value"])

    monkeypatch.setattr(lab_proxmox, "do", do)
    for command in lab_proxmox.app.registered_commands:
        assert command.callback is not None
        wanted = [values[name] for name in command.callback.__annotations__ if name in values]
        name = command.callback.__name__.replace("_", "-")
        found = CliRunner().invoke(lab_proxmox.app, [name, *wanted])
        assert found.exit_code == 0, (name, found.output)
    assert {fault.kind for fault in stand.state.pve.faults} == KINDS.keys()


def test_every_command_of_the_lab_is_on_its_page() -> None:
    from hune.cli.lab import app
    from hune.cli.lab_proxmox import app as proxmox

    page = (Path(__file__).parents[3] / "docs" / "lab.md").read_text()
    commands = [*app.registered_commands, *proxmox.registered_commands]
    names = [command.callback.__name__.replace("_", "-") for command in commands if command.callback]
    assert [name for name in names if not re.search(rf"^\| `hune lab {name}[ `]", page, flags=re.MULTILINE)] == ["mend"]
    assert "`hune lab mend`" in page
