"""How the simulated cluster moves, and what happens to it when machines die."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.lab.hardware import GUESTS as RUNNING
from hune.lab.pve.cluster import NUMBERS, Cluster
from hune.lab.pve.guests import BY_VMID, GUESTS
from hune.lab.pve.usage import Usage
from hune.lab.pve.wave import Wave
from hune.lab.state import Spell
from support.lab_pve import NOW, Stand

HA_OF_PVE_02 = {guest.id for guest in GUESTS if guest.ha and guest.home == 2}


def guests(stand: Stand, *, here: int = 1) -> dict[str, dict[str, Any]]:
    return stand.rows("/cluster/resources?type=vm", "id", here=here)


@given(
    mean=st.floats(0.01, 1e9),
    swing=st.floats(0, 0.95),
    key=st.text(max_size=5),
    start=st.floats(1.7e9, 1.9e9),
    steps=st.lists(st.floats(0, 1e6), max_size=8),
)
def test_what_a_wave_adds_up_to_never_falls(
    mean: float, swing: float, key: str, start: float, steps: list[float]
) -> None:
    wave = Wave(mean, swing, key)
    moment, before = start, 0.0
    for step in steps:
        moment += step
        assert wave.at(moment) >= 0
        total = wave.between(start, moment)
        # A float holds 16 digits.
        assert total >= before - 1e-12 * mean * (moment - start + 86_400)
        before = total
    assert wave.between(start, moment) == pytest.approx(mean * (moment - start), abs=mean * swing * 30_000)


@given(later=st.floats(0, 1e7))
def test_counters_never_fall_while_a_guest_runs(later: float) -> None:
    stand = Stand()
    before = guests(stand)
    stand.now += later
    for name, row in guests(stand).items():
        assert row["status"] == before[name]["status"]
        for key in ("netin", "netout", "diskread", "diskwrite", "uptime"):
            assert row[key] >= before[name][key], (name, key)


def test_the_same_moment_gives_the_same_answers_in_another_lab() -> None:
    first, second = Stand(), Stand()
    for target in ("/cluster/resources", "/cluster/metrics/export?history=1", "/cluster/ceph/status", "/cluster/tasks"):
        assert first.answer(target).body == second.answer(target).body


def test_each_node_runs_thirty_guests_and_keeps_three_that_rest() -> None:
    stand = Stand()
    for number in NUMBERS:
        rows = [
            *stand.get(f"/nodes/pve-0{number}/qemu"),
            *stand.get(f"/nodes/pve-0{number}/lxc"),
        ]
        assert len([row for row in rows if row["status"] == "running"]) == RUNNING
        assert len(rows) == RUNNING + 3
        assert len([row for row in rows if row.get("template")]) == 1


def test_the_ports_of_a_node_are_those_of_its_running_guests() -> None:
    stand = Stand()
    stand.do("stop", "sql-1")
    for number in NUMBERS:
        cluster = Cluster(stand.state, stand.now)
        ports = {port.guest for port in Usage(cluster, cluster.sampled).demand(number).ports}
        node = cluster.name(number)
        running = {
            row["vmid"]
            for kind in ("qemu", "lxc")
            for row in stand.get(f"/nodes/{node}/{kind}")
            if row["status"] == "running"
        }
        assert ports == running
        assert 104 not in running


def test_guests_share_what_their_node_does() -> None:
    stand = Stand()
    nodes = stand.rows("/cluster/resources?type=node", "node")
    for node, row in nodes.items():
        used = [guest for guest in guests(stand).values() if guest["node"] == node]
        cores = sum(guest["cpu"] * guest["maxcpu"] for guest in used)
        assert 0.7 * row["cpu"] * row["maxcpu"] < cores < row["cpu"] * row["maxcpu"]
        assert sum(guest["mem"] for guest in used) < row["mem"] < row["maxmem"]


def test_heat_is_work_of_the_guests_and_stays_in_the_history() -> None:
    stand = Stand()
    usual = guests(stand)["qemu/204"]["cpu"]
    stand.state.nodes["pve-02"].spells.append(Spell(NOW - 600, NOW - 300))
    stand.state.nodes["pve-02"].spells.append(Spell(NOW - 60))
    assert guests(stand)["qemu/204"]["cpu"] > 2 * usual
    exported = stand.get("/cluster/metrics/export?history=1&local-only=1", here=2)["data"]
    load = {
        row["timestamp"]: row["value"]
        for row in exported
        if (row["id"], row["metric"]) == ("node/pve-02", "cpu_current")
    }
    hot = sorted(moment for moment, value in load.items() if value > 0.9)
    assert hot == [*range(int(NOW) - 600, int(NOW) - 300, 10), *range(int(NOW) - 60, int(NOW) + 1, 10)]


def test_history_is_what_was_told_at_the_time() -> None:
    stand = Stand()
    stand.now -= 900
    then = guests(stand)["lxc/120"]
    stand.now += 900
    exported = stand.get(f"/cluster/metrics/export?history=1&local-only=1&start-time={int(NOW) - 905}")["data"]
    found = {
        row["metric"]: row["value"] for row in exported if row["id"] == "lxc/120" and row["timestamp"] == NOW - 900
    }
    told = {"net_in": "netin", "net_out": "netout", "disk_read": "diskread", "cpu_current": "cpu", "mem_used": "mem"}
    assert {metric: found[metric] for metric in told} == {metric: then[key] for metric, key in told.items()}
    assert min(row["timestamp"] for row in exported) == int(NOW) - 900


def test_without_history_only_the_last_sample_is_exported_of_every_node() -> None:
    stand = Stand()
    exported = stand.get("/cluster/metrics/export")["data"]
    assert {row["timestamp"] for row in exported} == {int(NOW)}
    assert {row["id"] for row in exported if row["id"].startswith("node/")} == {f"node/pve-0{n}" for n in NUMBERS}
    one = stand.get("/cluster/metrics/export?node-list=pve-03")["data"]
    assert {row["id"] for row in one if row["id"].startswith("node/")} == {"node/pve-03"}


def test_a_dead_node_is_offline_and_its_guests_are_unknown() -> None:
    stand = Stand()
    stand.kill("pve-02")
    stand.now += 20
    assert stand.rows("/cluster/status", "name")["pve-02"]["online"] == 0
    assert stand.rows("/cluster/status", "name")["lab"]["quorate"] == 1
    assert stand.rows("/nodes", "node")["pve-02"]["status"] == "offline"
    gone = [row for row in guests(stand).values() if row["node"] == "pve-02"]
    assert {row["status"] for row in gone} == {"unknown"}
    assert not any("cpu" in row or "maxmem" in row for row in gone)
    health = stand.get("/cluster/ceph/status")["health"]
    assert health["status"] == "HEALTH_WARN"
    assert {"MON_DOWN", "OSD_DOWN", "PG_DEGRADED"} <= health["checks"].keys()


def test_a_dead_node_is_fenced_and_its_highly_available_guests_recovered() -> None:
    stand = Stand()
    stand.kill("pve-02")
    for seconds, node_state, guest_states in (
        (30, "unknown", {"started"}),
        (90, "fence", {"fence"}),
        (125, "unknown", {"recovery"}),
        (140, "unknown", {"started"}),
    ):
        stand.now = NOW + seconds
        status = stand.get("/cluster/ha/status/manager_status")["manager_status"]
        assert status["node_status"]["pve-02"] == node_state
        found = {name: row for name, row in guests(stand).items() if name in HA_OF_PVE_02}
        assert {row["hastate"] for row in found.values()} == guest_states
    assert {row["status"] for row in found.values()} == {"running"}
    assert {row["node"] for row in found.values()} == {"pve-01", "pve-03"}
    assert all(row["uptime"] <= 20 for row in found.values())
    left = [row for row in guests(stand).values() if row["node"] == "pve-02"]
    assert len(left) == RUNNING + 3 - len(HA_OF_PVE_02)
    assert {row["status"] for row in left} == {"unknown"}
    stand.now = NOW + 500
    stand.revive("pve-02")
    stand.now = NOW + 700
    home = {name: row for name, row in guests(stand).items() if BY_VMID[int(name.split("/")[1])].home == 2}
    assert {row["node"] for row in home.values()} == {"pve-02"}
    assert {row["uptime"] for name, row in home.items() if name in HA_OF_PVE_02 and row["uptime"] < 550} == set()
    assert sum(row["status"] == "running" for row in home.values()) == RUNNING


def test_guests_start_one_after_the_other_when_their_node_has_booted() -> None:
    stand = Stand()
    stand.kill("pve-03")
    stand.now += 30
    stand.revive("pve-03")
    running = []
    for seconds in (0, 60, 90, 200):
        stand.now = NOW + 30 + seconds
        found = stand.get("/nodes/pve-03/qemu") + stand.get("/nodes/pve-03/lxc")
        running.append(sum(row["status"] == "running" for row in found))
    assert running == sorted(running)
    assert running[0] == 0
    assert 0 < running[1] < running[2] < RUNNING
    assert running[3] == RUNNING


def test_without_quorum_nothing_is_recovered() -> None:
    stand = Stand()
    stand.kill("pve-02")
    stand.kill("pve-03")
    stand.now += 300
    assert stand.rows("/cluster/status", "name")["lab"]["quorate"] == 0
    rows = [row for row in guests(stand).values() if row["node"] != "pve-01"]
    assert len(rows) == 2 * (RUNNING + 3)
    assert {row["status"] for row in rows} == {"unknown"}
    assert stand.get("/cluster/ha/status/manager_status")["quorum"]["quorate"] == "0"


def test_a_split_cluster_shows_each_node_itself_alone() -> None:
    stand = Stand()
    stand.do("split", "cluster")
    for here in NUMBERS:
        rows = stand.get("/cluster/status", here=here)
        assert rows[0]["quorate"] == 0
        assert [row["name"] for row in rows[1:] if row["online"]] == [f"pve-0{here}"]
        seen = {row["node"] for row in guests(stand, here=here).values() if row["status"] == "running"}
        assert seen == {f"pve-0{here}"}
    # The way to the other nodes' own interfaces is open.
    assert stand.get("/nodes/pve-03/qemu", here=1)
    stand.mend()
    assert stand.get("/cluster/status")[0]["quorate"] == 1


def test_names_of_nodes_follow_the_site() -> None:
    stand = Stand(prefix="lab-")
    assert stand.get("/nodes/lab-pve-02/status")["cpu"] > 0
    assert stand.answer("/nodes/pve-02/status").status == 500
    assert stand.get("/nodes/localhost/time") == stand.get("/nodes/lab-pve-01/time")


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("/nowhere", 501, "Method 'GET /nowhere' not implemented"),
        ("/nodes/pve-09/status", 500, "hostname lookup 'pve-09' failed - failed to get address info"),
        ("/nodes/pve-01/qemu/999/config", 500, "Configuration file 'nodes/pve-01/qemu-server/999.conf' does not exist"),
        ("/nodes/pve-01/qemu/204/config", 500, "Configuration file 'nodes/pve-01/qemu-server/204.conf' does not exist"),
        ("/nodes/pve-01/storage/nothing/status", 500, "storage 'nothing' does not exist"),
        ("/nodes/pve-01/disks/smart", 400, "Parameter verification failed."),
        ("/cluster/resources?type=cheese", 400, "Parameter verification failed."),
        ("/nodes/pve-01/tasks?since=yesterday", 400, "Parameter verification failed."),
        ("/nodes/pve-01/qemu/118/agent/get-fsinfo", 500, "No QEMU guest agent configured"),
        ("/nodes/pve-01/qemu/132/agent/get-fsinfo", 500, "VM 132 is not running"),
    ],
)
def test_errors_are_told_as_proxmox_does(target: str, status: int, reason: str) -> None:
    answer = Stand().answer(target)
    assert (answer.status, answer.reason) == (status, reason)
    body = json.loads(answer.body)
    assert body["data"] is None
    assert body["message"] == f"{reason}\n"
    assert ("errors" in body) == (status == 400)


def test_what_only_asks_may_not_change() -> None:
    assert Stand().answer("/nodes/pve-01/qemu/101/status/stop", method="POST").status == 501


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "No ticket"),
        ("hune@pve!other=0f4d8f6e", "no such token"),
        ("hune@pve!lab=0f4d8f6e", "invalid token value!"),
        ("hune@pve!lab=é", "invalid token value!"),
    ],
)
def test_only_the_labs_token_is_let_in(token: str, reason: str) -> None:
    answer = Stand().answer("/version", token=token)
    assert (answer.status, answer.reason) == (401, reason)


def test_a_dead_node_is_asked_in_vain() -> None:
    stand = Stand()
    stand.kill("pve-02", "refuse")
    stand.kill("pve-03", "hang")
    refused, silent = (stand.answer(f"/nodes/{node}/status") for node in ("pve-02", "pve-03"))
    assert (refused.status, refused.silence_seconds) == (595, 0)
    assert silent.status == 595
    assert silent.silence_seconds > 0


def test_what_the_token_may_not_do_is_named_with_privilege_and_path() -> None:
    stand = Stand()
    assert stand.get("/nodes/pve-02/apt/update")
    stand.do("forbid", "sys.modify")
    answer = stand.answer("/nodes/pve-02/apt/update")
    assert (answer.status, answer.reason) == (403, "Permission check failed (/nodes/pve-02, Sys.Modify)")
    assert "Sys.Modify" not in stand.get("/access/permissions")["/"]
    stand.do("forbid", "VM.Audit")
    assert stand.get("/cluster/resources?type=vm") == []
    assert stand.get("/nodes/pve-01/qemu") == []
    answer = stand.answer("/nodes/pve-01/qemu/104/config")
    assert answer.reason == "Permission check failed (/vms/104, VM.Audit)"
