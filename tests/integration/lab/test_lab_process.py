"""The lab's process: its children, its death, its return."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from hune.core.service import start
from hune.lab.service import Lab
from support.lab import PATIENCE_SECONDS, RunningLab, is_alive, wait_until


def exporters(lab: RunningLab) -> list[int]:
    return [node["exporter_pid"] for node in lab.status().values()]


def test_sigkill_of_the_lab_leaves_no_exporter(new_lab: RunningLab) -> None:
    new_lab.start()
    pids = exporters(new_lab)
    assert all(is_alive(pid) for pid in pids)
    new_lab.stop(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "exporters ending")


def test_sigterm_ends_it_with_its_exporters(new_lab: RunningLab) -> None:
    new_lab.start()
    pids = exporters(new_lab)
    assert new_lab.stop() == 0
    assert not any(is_alive(pid) for pid in pids)


def test_a_killed_exporter_comes_back(new_lab: RunningLab) -> None:
    new_lab.start()
    victim = new_lab.status()["pve-02"]["exporter_pid"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: new_lab.status()["pve-02"]["exporter_pid"] not in (None, victim), "another exporter")
    wait_until(lambda: new_lab.measured("pve-02"), "its answer")


def test_faults_outlive_the_process(new_lab: RunningLab) -> None:
    new_lab.start()
    new_lab.do("heat", node="pve-02", celsius=81)
    new_lab.do("kill", node="pve-03", how="hang")
    new_lab.do("unplug", node="pve-01", device="enp1s0f0")
    before = {node: new_lab.status()[node]["boot_time"] for node in ("pve-01", "pve-02", "pve-03")}
    new_lab.stop(signal.SIGKILL)
    new_lab.start()
    status = new_lab.status()
    assert abs(status["pve-02"]["celsius"] - 81) <= 0.5
    assert status["pve-03"]["power"] == "hang"
    assert not new_lab.measured("pve-03")
    metrics = new_lab.metrics("pve-01", "netclass")
    assert metrics['node_network_carrier{device="enp1s0f0"}'] == 0
    assert metrics['node_network_carrier_changes_total{device="enp1s0f0"}'] == 3
    assert {node: status[node]["boot_time"] for node in before} == before


def test_exporters_see_nothing_of_the_environment(new_lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNE_TEST_SECRET", "of no concern")
    new_lab.start()
    for pid in exporters(new_lab):
        assert b"HUNE_TEST_SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_prefixed_nodes_answer_to_their_short_names(new_lab: RunningLab) -> None:
    new_lab.state.prefix = "lab-"
    new_lab.state.save(new_lab.layout)
    new_lab.start()
    assert [new_lab.do("heat", node=name, celsius=75)[0]["node"] for name in ("pve-02", "LAB-PVE-03")] == [
        "lab-pve-02",
        "lab-pve-03",
    ]
    assert [event["node"] for event in new_lab.do("cool")] == ["lab-pve-02", "lab-pve-03"]


async def test_nothing_blocks_the_loop(new_lab: RunningLab) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        task = await start(group, Lab(new_lab.layout))
        for how in ("refuse", "hang", "exporter"):
            await asyncio.to_thread(new_lab.do, "kill", node="pve-01", how=how)
            await asyncio.to_thread(new_lab.do, "revive")
        await asyncio.to_thread(new_lab.do, "heat", node="pve-02", celsius=75)
        await asyncio.to_thread(new_lab.do, "unplug", node="pve-02", device="eno1")
        assert await asyncio.to_thread(new_lab.living) == ["pve-01", "pve-02", "pve-03"]
        task.cancel()
