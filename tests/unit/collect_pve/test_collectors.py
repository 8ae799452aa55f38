"""What each collector yields of a cluster's answers, and what it makes of those that lack."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from hune.collect.pve.collectors import ALL
from hune.collect.pve.settings import Settings
from hune.pve.errors import BadAnswer, Failed, Forbidden, NotThere, TimedOut, Unreachable
from support.pve_answers import GIB, NIGHT, NOW, pve8, pve9
from support.pve_collecting import check_families, make_stand, samples
from support.pve_schema import problems

NAMES = [collector.name for collector in ALL]


@pytest.mark.parametrize("version", [pve8, pve9])
def test_answers_of_these_tests_fit_the_api_schema(version: Any) -> None:
    wrong = {path: found for path, answer in version().items() if (found := problems(path, answer))}
    # The schema describes the newest Proxmox VE; an older one says less, and nothing says `osdid-list` may be numbers.
    allowed = ("mounted: missing", "available: missing", "children: missing")
    assert not {
        path: left for path, found in wrong.items() if (left := [one for one in found if not one.endswith(allowed)])
    }


@pytest.mark.parametrize("version", [pve8, pve9])
@pytest.mark.parametrize("name", NAMES)
async def test_a_healthy_cluster_leaves_nothing_to_complain_of(name: str, version: Any) -> None:
    stand = make_stand(version())
    run = await stand.run(name)
    assert run.problems == []
    assert samples(run.out) or (name, version) == ("pressure", pve8)
    check_families(stand.by_name[name], run.out)


@pytest.mark.parametrize("name", NAMES)
async def test_a_node_that_is_down_is_asked_nothing(name: str) -> None:
    stand = make_stand(pve9())
    await stand.run(name)
    assert not [path for path in stand.api.asked if path.startswith("/nodes/pve-03")]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("quorum", "ha", "ceph", "guest-filesystems")])
async def test_a_node_that_fails_is_missed_and_the_other_one_counts(name: str) -> None:
    answers = pve9()
    paths = [path for path in answers if path.startswith("/nodes/pve-01/")]
    for path in paths:
        answers[path] = Unreachable(f"{path}: no route", path=path)
    stand = make_stand(answers)
    run = await stand.run(name)
    assert samples(run.out)
    in_vain = {path for path in stand.api.asked if path in paths}
    assert in_vain
    # Backups of a storage that all nodes share are listed by the next one.
    elsewhere = {path for path in in_vain if "/storage/pbs/" in path}
    if name != "protection":
        assert {problem.path for problem in run.problems} == in_vain - elsewhere


async def test_quorum_counts_votes_and_says_who_is_there() -> None:
    found = await make_stand(pve9()).samples("quorum")
    assert found['hune_pve_node_online{node="pve-03"}'] == 0
    assert [found[f"hune_pve_quorum_votes{kind}{{}}"] for kind in ("", "_expected", "_needed")] == [3, 4, 3]


async def test_votes_are_not_guessed_when_the_qdevice_is_unknown() -> None:
    answers = pve9() | {"/cluster/config/qdevice": Failed("500")}
    run = await make_stand(answers).run("quorum")
    found = samples(run.out)
    assert "hune_pve_quorum_quorate{}" in found
    assert "hune_pve_quorum_votes{}" not in found
    assert len(run.problems) == 1


async def test_a_lone_node_has_no_quorum_to_tell_of() -> None:
    answers = {"/cluster/status": [{"type": "node", "name": "solo", "online": 1, "local": 1, "nodeid": 0}]}
    assert await make_stand(answers).samples("quorum") == {'hune_pve_node_online{node="solo"}': 1}


async def test_ha_tells_master_fencing_and_what_is_asked_of_services() -> None:
    found = await make_stand(pve9()).samples("ha")
    assert found['hune_pve_ha_master{node="pve-01"}'] == 1
    assert found['hune_pve_ha_fencing{node="pve-03"}'] == 1
    assert 'hune_pve_ha_service_state{id="qemu/100",node="pve-01",state="started",requested="started"}' in found


async def test_ha_services_count_when_the_manager_cannot_be_read() -> None:
    run = await make_stand(pve9() | {"/cluster/ha/status/manager_status": Forbidden("no")}).run("ha")
    assert [series for series in samples(run.out) if series.startswith("hune_pve_ha_service_state")]
    assert len(run.problems) == 1


async def test_pressure_is_a_share_of_one_and_absent_before_version_9() -> None:
    found = await make_stand(pve9()).samples("pressure")
    assert found['hune_pve_guest_pressure_ratio{id="lxc/102",node="pve-02",resource="io",kind="full"}'] == 0.075
    assert found['hune_pve_node_pressure_ratio{node="pve-01",resource="cpu",kind="some"}'] == 0.015
    assert found['hune_pve_guest_memory_host_bytes{id="qemu/100",node="pve-01"}'] == 4 * GIB
    old = pve8()
    for path in [path for path in old if path.endswith(("/qemu", "/lxc")) or "rrddata" in path]:
        assert not any(key.startswith("pressure") for row in old[path] for key in row)
    stand = make_stand(old)
    assert samples((await stand.run("pressure")).out) == {}


async def test_ceph_tells_health_osds_pools_and_recovery() -> None:
    found = await make_stand(pve9()).samples("ceph")
    assert found["hune_pve_ceph_health_status{}"] == 1
    assert found['hune_pve_ceph_osd_up{osd="1",node="pve-01",class="nvme"}'] == 0
    assert found['hune_pve_ceph_pool_max_bytes{pool="vm"}'] == 12 * GIB
    assert found['hune_pve_ceph_mon_in_quorum{mon="pve-03"}'] == 0
    assert found['hune_pve_ceph_flag{flag="noout"}'] == 1


@pytest.mark.parametrize(
    "error", [NotThere("not initialized"), Failed("binary not installed: /usr/bin/ceph-mon"), NotThere("501")]
)
async def test_a_cluster_without_ceph_is_asked_seldom_and_lacks_nothing(error: Exception) -> None:
    stand = make_stand(pve9() | {"/cluster/ceph/status": error})
    assert await stand.samples("ceph") == {}
    assert await stand.samples("ceph") == {}
    assert stand.api.asked["/cluster/ceph/status"] == 1


async def test_osds_come_from_a_node_that_has_ceph() -> None:
    answers = pve9()
    answers["/nodes/pve-02/ceph/osd"] = answers.pop("/nodes/pve-01/ceph/osd")
    found = await make_stand(answers).samples("ceph")
    assert [series for series in found if series.startswith("hune_pve_ceph_osd_up")]


async def test_a_sleeping_disk_is_left_alone_unless_the_site_says_otherwise() -> None:
    stand = make_stand(pve9())
    found = await stand.samples("disks")
    assert found['hune_pve_disk_smart_asked{node="pve-01",device="sdb"}'] == 0
    assert "/nodes/pve-01/disks/smart?disk=/dev/sdb" not in stand.api.asked
    assert "/nodes/pve-01/disks/list?skipsmart=1" in stand.api.asked
    answers = pve9()
    for node in ("pve-01", "pve-02"):
        answers[f"/nodes/{node}/disks/smart?disk=/dev/sdb"] = {"health": "PASSED", "attributes": []}
    found = await make_stand(answers, Settings(wake_disks=True)).samples("disks")
    assert found['hune_pve_disk_healthy{node="pve-01",device="sdb"}'] == 1


async def test_smart_is_read_of_ata_nvme_and_sas_disks() -> None:
    found = await make_stand(pve9()).samples("disks")
    wear = [found[f'hune_pve_disk_wear_ratio{{node="pve-01",device="{name}"}}'] for name in ("nvme0n1", "sda", "sdc")]
    assert wear == [0.03, 0.03, 0.8]
    assert found['hune_pve_disk_errors{node="pve-01",device="sda",kind="pending_sectors"}'] == 8
    assert found['hune_pve_disk_attribute_failing{node="pve-01",device="sda",attribute="Current_Pending_Sector"}'] == 1
    assert found['hune_pve_disk_healthy{node="pve-01",device="sdc"}'] == 0
    assert found['hune_pve_disk_powered_on_seconds{node="pve-01",device="nvme0n1"}'] == 21835 * 3600
    assert found['hune_pve_disk_temperature_celsius{node="pve-01",device="sda"}'] == 31


async def test_a_disk_that_cannot_tell_is_no_failure() -> None:
    answers = pve9() | {"/nodes/pve-01/disks/smart?disk=/dev/sda": Failed("smartctl: exit code 2")}
    found = await make_stand(answers).samples("disks")
    assert 'hune_pve_disk_healthy{node="pve-01",device="nvme0n1"}' in found
    assert 'hune_pve_disk_healthy{node="pve-01",device="sda"}' not in found


async def test_smart_is_asked_once_an_hour() -> None:
    stand = make_stand(pve9())
    path = "/nodes/pve-01/disks/smart?disk=/dev/sda"
    await stand.samples("disks")
    stand.clock.passed += 1800
    await stand.samples("disks")
    assert stand.api.asked[path] == 1
    stand.clock.passed += 1801
    await stand.samples("disks")
    assert stand.api.asked[path] == 2


async def test_zfs_adds_up_the_errors_of_devices_once() -> None:
    found = await make_stand(pve9()).samples("zfs")
    assert found['hune_pve_zfs_pool_healthy{node="pve-01",pool="rpool"}'] == 0
    errors = [
        found[f'hune_pve_zfs_pool_errors{{node="pve-01",pool="rpool",kind="{kind}"}}'] for kind in ("read", "write")
    ]
    assert errors == [3, 14]
    device = 'hune_pve_zfs_device_healthy{node="pve-01",pool="rpool",device="ata-Example-2-part3",state="FAULTED"}'
    assert found[device] == 0


async def test_an_inactive_storage_has_no_size_that_would_read_as_full() -> None:
    found = await make_stand(pve9()).samples("storage")
    assert found['hune_pve_storage_active{id="storage/pve-01/pbs",node="pve-01",storage="pbs"}'] == 0
    assert not [series for series in found if "bytes" in series and "pbs" in series]


async def test_updates_are_absent_without_the_privilege_and_lack_nothing() -> None:
    answers = pve9() | {f"/nodes/{node}/apt/update": Forbidden("Sys.Modify") for node in ("pve-01", "pve-02")}
    assert await make_stand(answers).samples("updates") == {}


async def test_versions_tells_whether_nodes_differ() -> None:
    answers = pve9()
    answers["/nodes/pve-02/version"] = {"version": "9.0.4", "release": "9.0", "repoid": "1"}
    assert (await make_stand(answers).samples("versions"))["hune_pve_versions{}"] == 2


async def test_what_failed_is_not_asked_again_at_once() -> None:
    stand = make_stand(pve9() | {"/nodes/pve-01/certificates/info": Failed("595")})
    for _ in range(3):
        run = await stand.run("certificates")
        assert len(run.problems) == 1
    assert stand.api.asked["/nodes/pve-01/certificates/info"] == 1
    stand.clock.passed += 301
    await stand.run("certificates")
    assert stand.api.asked["/nodes/pve-01/certificates/info"] == 2


async def test_only_failures_of_the_last_day_count() -> None:
    answers = pve9()
    mended = "/nodes/pve-01/tasks?limit=50&typefilter=vzdump"
    answers[mended] = [
        {"starttime": NOW - hours * 3600 - 60, "endtime": NOW - hours * 3600, "status": status, "id": about}
        | {"type": "vzdump", "node": "pve-01", "upid": f"UPID:pve-01:{hours}"}
        for hours, status, about in (
            *((1, "OK", "101"), (2, "job errors", "101"), (3, "job errors", "100")),
            *((4, "job errors", ""), (5, "WARNINGS: 1", ""), (40, "job errors", "102")),
        )
    ]
    found = await make_stand(answers).samples("tasks")
    assert found['hune_pve_backups_failing{node="pve-01"}'] == 2
    assert found['hune_pve_tasks_failed{node="pve-01",type="vzdump"}'] == 1
    assert found['hune_pve_task_last_failure_timestamp_seconds{node="pve-01",type="vzdump"}'] == NIGHT + 100
    assert not [series for series in found if "qmstart" in series]


async def test_what_keeps_a_guest_busy_is_told_by_its_lock_or_by_a_task() -> None:
    found = await make_stand(pve9()).samples("tasks")
    assert [series for series in found if series.startswith("hune_pve_guest_busy")] == [
        'hune_pve_guest_busy{id="qemu/101",node="pve-01",reason="backup"}',
        'hune_pve_guest_busy{id="qemu/103",node="pve-02",reason="migration"}',
    ]


async def test_a_lock_that_a_killed_backup_left_behind_keeps_nobody_busy() -> None:
    answers = pve9()
    answers["/cluster/tasks"] = [task for task in answers["/cluster/tasks"] if task["type"] != "vzdump"]
    found = await make_stand(answers).samples("tasks")
    assert [series for series in found if 'reason="backup"' in series] == []


async def test_a_guest_is_stopped_by_hand_until_somebody_starts_it_even_in_vain() -> None:
    def task(kind: str, vmid: int, end: float | None, status: str = "OK") -> dict[str, Any]:
        ended = {} if end is None else {"endtime": end, "status": status}
        return {"upid": f"UPID:{kind}:{vmid}", "node": "pve-01", "type": kind, "id": str(vmid), "starttime": 1, **ended}

    answers = pve9()
    answers["/cluster/tasks"] = [
        task("qmstop", 100, 50),
        task("qmstart", 100, 40),
        task("qmshutdown", 101, 50),
        task("qmstart", 101, 60, "start failed"),
        task("qmstop", 103, 70, "no such process"),
        task("qmstop", 103, None),
    ]
    found = await make_stand(answers).samples("tasks")
    family = "hune_pve_guest_stopped_timestamp_seconds"
    assert {series: value for series, value in found.items() if series.startswith(family)} == {
        f'{family}{{id="qemu/100",node="pve-01"}}': 50,
        f'{family}{{id="qemu/101",node="pve-01"}}': 0,
    }


async def test_replication_tells_the_age_of_the_copy() -> None:
    found = await make_stand(pve9()).samples("replication-jobs")
    labels = '{replication_job="100-0",id="qemu/100",node="pve-01",target="pve-02"}'
    assert found[f"hune_pve_replication_last_sync_timestamp_seconds{labels}"] == NOW - 600
    assert found[f"hune_pve_replication_failures{labels}"] == 0


async def test_replication_says_what_a_run_failed_of() -> None:
    answers = pve9()
    answers["/nodes/pve-01/replication"][0] |= {"fail_count": 3, "error": "command 'ssh' failed\nexit code 255\n"}
    found = await make_stand(answers).samples("replication-jobs")
    assert [series for series in found if "error=\"command 'ssh' failed exit code 255\"" in series]


async def test_configurations_are_read_again_when_a_guest_changes() -> None:
    answers = pve9()
    stand = make_stand(answers)
    path = "/nodes/pve-01/qemu/100/config"
    await stand.samples("guest-config")
    stand.clock.passed += 3600
    await stand.samples("guest-config")
    assert stand.api.asked[path] == 1
    answers["/cluster/resources"] = [
        row | ({"maxmem": 8 * GIB} if row["id"] == "qemu/100" else {}) for row in answers["/cluster/resources"]
    ]
    answers[path] = answers[path] | {"memory": "8192"}
    stand.clock.passed += 10
    found = await stand.samples("guest-config")
    assert found['hune_pve_guest_memory_configured_bytes{id="qemu/100",node="pve-01"}'] == 8 * GIB
    assert stand.api.asked["/nodes/pve-01/qemu/101/config"] == 1


async def test_configurations_know_which_disks_backups_take_along() -> None:
    found = await make_stand(pve9()).samples("guest-config")
    disks = sorted(series for series in found if series.startswith("hune_pve_guest_disk_size_bytes"))
    assert [(series.split('"')[5], series.split('"')[9]) for series in disks] == [
        ("mp1", "0"),
        ("rootfs", "1"),
        ("scsi0", "1"),
        ("scsi0", "1"),
        ("scsi1", "0"),
    ]
    assert 'hune_pve_guest_nic_info{id="qemu/100",node="pve-01",nic="net0",bridge="vmbr0",vlan="20"}' in found


async def test_file_systems_are_told_once_a_device() -> None:
    found = await make_stand(pve9()).samples("guest-filesystems")
    mounts = [series.split('mountpoint="')[1].split('"')[0] for series in found if "filesystem_used" in series]
    assert sorted(mounts) == ["/", "C:\\"]


async def test_agents_that_hang_do_not_hold_up_the_others() -> None:
    answers = pve9()
    hang = asyncio.Event()

    async def never() -> Any:
        await hang.wait()
        raise TimedOut("10 s")

    answers["/nodes/pve-01/qemu/100/agent/get-fsinfo"] = never
    stand = make_stand(answers)
    asked = asyncio.create_task(stand.run("guest-filesystems"))
    while stand.api.asked["/nodes/pve-01/qemu/101/agent/get-fsinfo"] == 0:  # noqa: ASYNC110 - no event of the API's
        await asyncio.sleep(0)
    hang.set()
    run = await asked
    found = samples(run.out)
    assert run.problems == []
    assert found['hune_pve_guest_agent_responding{id="qemu/100",node="pve-01"}'] == 0
    assert found['hune_pve_guest_agent_responding{id="qemu/101",node="pve-01"}'] == 1
    # Left in peace for a while.
    await stand.run("guest-filesystems")
    assert stand.api.asked["/nodes/pve-01/qemu/100/agent/get-fsinfo"] == 1


async def test_only_running_machines_with_an_agent_are_asked_for_file_systems() -> None:
    stand = make_stand(pve9())
    await stand.samples("guest-filesystems")
    asked = [path for path in stand.api.asked if path.endswith("get-fsinfo")]
    assert sorted(asked) == [f"/nodes/pve-01/qemu/{vmid}/agent/get-fsinfo" for vmid in (100, 101)]


async def test_a_missing_privilege_for_agents_is_one_problem() -> None:
    answers = pve9()
    for vmid in (100, 101):
        answers[f"/nodes/pve-01/qemu/{vmid}/agent/get-fsinfo"] = Forbidden("VM.GuestAgent.Audit")
    run = await make_stand(answers).run("guest-filesystems")
    assert [type(problem) for problem in run.problems] == [Forbidden]
    assert samples(run.out) == {}


async def test_backups_are_told_by_guest_and_storage() -> None:
    found = await make_stand(pve9()).samples("backups")
    assert found['hune_pve_guest_backup_last_timestamp_seconds{id="qemu/100",storage="pbs"}'] == NIGHT + 4
    assert found['hune_pve_guest_backup_last_verified{id="qemu/105",storage="pbs"}'] == 0
    assert 'hune_pve_guest_backup_last_timestamp_seconds{id="qemu/105",storage="pbs"}' not in found
    assert found['hune_pve_guest_backups{id="qemu/100",storage="pbs"}'] == 2
    assert found['hune_pve_backup_storage_listed{storage="local",node="pve-03"}'] == 0
    assert found['hune_pve_backup_job_guests{backup_job="backup-nightly"}'] == 5


async def test_a_listing_without_the_privilege_to_see_it_all_is_not_called_complete() -> None:
    answers = pve9()
    answers["/access/permissions?path=/storage/pbs"] = {"/storage/pbs": {"Datastore.Audit": 1}}
    answers["/nodes/pve-01/storage/pbs/content?content=backup"] = []
    found = await make_stand(answers).samples("backups")
    assert found['hune_pve_backup_storage_listed{storage="pbs",node=""}'] == 0


async def test_listings_are_asked_for_once_an_hour_and_kept_when_they_fail() -> None:
    answers = pve9()
    stand = make_stand(answers)
    path = "/nodes/pve-01/storage/pbs/content?content=backup"
    before = await stand.samples("backups")
    stand.clock.passed += 3700
    answers[path] = Forbidden("403")
    run = await stand.run("backups")
    assert stand.api.asked[path] == 2
    assert {series: value for series, value in samples(run.out).items() if "pbs" in series} == {
        series: value for series, value in before.items() if "pbs" in series
    }


async def test_what_is_remembered_of_a_cluster_goes_with_it() -> None:
    answers = pve9()
    for path in [path for path in answers if path.startswith("/nodes/pve-01/")]:
        answers[path] = Unreachable(f"{path}: no route", path=path)
    stand = make_stand(answers)
    for name in NAMES:
        await stand.run(name)
    source = weakref.ref(stand.source)
    await stand.source.close()
    del stand, answers
    gc.collect()
    assert source() is None


@pytest.mark.parametrize("status", [{"/cluster/status": "no"}, {"/cluster/status": Unreachable("gone")}])
async def test_nothing_is_collected_without_knowing_the_nodes(status: dict[str, Any]) -> None:
    stand = make_stand(pve9() | status)
    with pytest.raises((BadAnswer, Unreachable)):
        await stand.run("services")
