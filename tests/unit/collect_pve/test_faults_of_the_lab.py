"""What breaks in the lab's Proxmox shows in the series, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from hune.collect.pve.collector import Collection
from hune.collect.pve.collectors import collectors
from hune.collect.pve.settings import Settings
from hune.collect.pve.source import Source
from hune.pve.answers import error_of
from support.lab_pve import Stand as Lab
from support.pve_collecting import samples

HOUR = 3600


class Watch:
    """All collectors of one exporter, asking the lab's API in memory, by the lab's clock."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.source = Source(self, self)
        self.collectors = collectors(Settings())

    def now(self) -> float:
        return self.lab.now

    monotonic = now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing sleeps here, asked for {seconds} s")

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        assert not node, "any node may answer"
        answer = self.lab.answer(path + (f"?{urlencode(params)}" if params else ""))
        if answer.status != 200:
            raise error_of(answer.status, answer.reason, path=path, endpoint="lab", account="hune@pve")
        return json.loads(answer.body)["data"]

    async def look(self) -> dict[str, float]:
        """Return every series; nothing may be missed."""
        found: dict[str, float] = {}
        for collector in self.collectors:
            run = Collection(self.source)
            with self.source.round():
                await collector.collect(run)
            assert run.problems == [], collector.name
            found |= samples(run.out)
        return found


async def test_the_whole_lab_is_read_and_nobody_is_unprotected() -> None:
    found = await Watch().look()
    verdicts = {series: value for series, value in found.items() if series.startswith("hune_guest_protected{")}
    assert set(verdicts.values()) == {1}
    assert len(verdicts) > 80
    assert not unhealthy(found)


def unhealthy(found: dict[str, float]) -> list[str]:
    """Return the series that say that something is wrong."""
    bad: list[tuple[str, Callable[[float], bool]]] = [
        ("hune_guest_protected{", lambda value: value == 0),
        ("hune_pve_node_online{", lambda value: value == 0),
        ("hune_pve_quorum_quorate{", lambda value: value == 0),
        ("hune_pve_ceph_osd_in{", lambda value: value == 0),
        ("hune_pve_ceph_osd_up{", lambda value: value == 0),
        ("hune_pve_zfs_pool_healthy{", lambda value: value == 0),
        ("hune_pve_disk_healthy{", lambda value: value == 0),
        ("hune_pve_disk_wear_ratio{", lambda value: value > 0.9),
        ("hune_pve_replication_failures{", lambda value: value > 0),
        ("hune_pve_guest_agent_responding{", lambda value: value == 0),
        ("hune_pve_guest_backup_last_verified{", lambda value: value == 0),
        ("hune_pve_tasks_failed{", lambda value: value > 0),
    ]
    return [
        series for series, value in found.items() for start, is_bad in bad if series.startswith(start) and is_bad(value)
    ]


@pytest.mark.parametrize(
    ("fault", "subject", "value", "expected"),
    [
        ("age-backup", "101", 9.0, {'hune_guest_protected{id="qemu/101"'}),
        ("corrupt-backup", "101", None, {'hune_guest_protected{id="qemu/101"', "hune_pve_guest_backup_last_verified"}),
        (
            "fail-replication",
            "106",
            None,
            {'hune_pve_replication_failures{replication_job="106-0"', "hune_pve_tasks_failed"},
        ),
        ("mute-agent", "101", None, {'hune_pve_guest_agent_responding{id="qemu/101"'}),
        ("degrade-pool", "pve-02", None, {'hune_pve_zfs_pool_healthy{node="pve-02"'}),
        ("out-osd", "osd.1", None, {"hune_pve_ceph_osd_in"}),
        (
            "fail-disk",
            "pve-03",
            97.0,
            {'hune_pve_disk_wear_ratio{node="pve-03"', 'hune_pve_disk_healthy{node="pve-03"'},
        ),
        ("fill", "pbs", 97.0, set()),
    ],
)
async def test_a_fault_shows_where_it_is(fault: str, subject: str, value: float | None, expected: set[str]) -> None:
    watch = Watch()
    watch.lab.do(fault, subject, value)
    watch.lab.now += 2 * HOUR
    wrong = unhealthy(await watch.look())
    told = {start for start in expected if any(series.startswith(start) for series in wrong)}
    assert told >= {start for start in expected if "tasks" not in start}
    assert not [series for series in wrong if not series.startswith(tuple(expected))]


async def test_a_machine_that_dies_takes_nobodys_protection_along() -> None:
    watch = Watch()
    before = await watch.look()
    watch.lab.kill("pve-02")
    watch.lab.now += 600
    after = await watch.look()
    assert after['hune_pve_node_online{node="pve-02"}'] == 0
    lost = [series for series in unhealthy(after) if series.startswith("hune_guest_protected{")]
    assert lost == []
    idle = 'hune_guest_protection{id="lxc/233",aspect="verdict",state="idle"}'
    assert (idle in before, idle in after) == (True, True)


async def test_backups_that_the_token_may_not_see_are_known_from_the_logs() -> None:
    watch = Watch()
    watch.lab.do("forbid", "VM.Backup")
    found = await watch.look()
    assert found['hune_pve_backup_storage_listed{storage="pbs",node=""}'] == 0
    verdicts = {value for series, value in found.items() if series.startswith("hune_guest_protected{")}
    assert verdicts == {1}, "the logs of the tasks tell that each was backed up"
