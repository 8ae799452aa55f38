"""Which alerts each fault of the lab's cluster raises: exactly those that it should."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hune.collect.pve.collector import Collection
from hune.collect.pve.collectors import collectors
from hune.collect.pve.compat import resources, status
from hune.collect.pve.settings import Settings
from hune.collect.pve.source import Source
from hune.pve.errors import Failed, NotThere
from support.lab_pve import NOW, Stand
from support.promtool import World, run
from support.pve_collecting import SetClock, samples
from support.pve_world import make_pve_site

SECONDS = 150


class LabApi:
    """Asks the cluster in memory, as the client asks one over the network."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        assert not node, "any node may answer"
        answer = self._stand.answer(f"{path}?{urlencode(params)}" if params else path)
        if answer.status == 200:
            return self._stand.get(f"{path}?{urlencode(params)}" if params else path)
        missing = answer.status in (404, 501) or "not installed" in answer.reason
        raise (NotThere if missing else Failed)(f"{path}: {answer.status} {answer.reason}", path=path)


class LabClock(SetClock):
    """The lab's time."""

    def now(self) -> float:
        return NOW


def scraped(stand: Stand) -> World:
    """Return what Prometheus holds of the cluster, its times counted from the test's beginning."""

    async def scrape() -> dict[str, float]:
        clock = LabClock()
        source = Source(LabApi(stand), clock)
        found = {'up{job="pve-hune",cluster="home"}': 1.0}
        for job, all_of_them in (
            ("pve", (status.COLLECTOR, resources.collector(resources.NO_TRIM))),
            ("pve-hune", collectors(Settings())),
        ):
            for collector in all_of_them:
                collection = Collection(source)
                with source.round():
                    await collector.collect(collection)
                of = f'job="{job}",cluster="home"'
                success = int(not collection.problems)
                found[f'pve_collector_success{{{of},collector="{collector.name}"}}'] = success
                for series, value in samples(collection.out).items():
                    # Drives of Windows would need quoting, and no rule reads them.
                    if "\\" in series:
                        continue
                    name, _, labels = series.rstrip("}").partition("{")
                    value -= NOW if name.endswith("_timestamp_seconds") and value else 0
                    found[f"{name}{{{of},{labels}}}"] = value
        return found

    world = World(SECONDS)
    for series, value in asyncio.run(scrape()).items():
        world.series[series] = [value] * SECONDS
    return world


@pytest.mark.parametrize(
    ("faults", "alerts"),
    [
        ([], {}),
        ([("fill", "pve-01/local-zfs", 97)], {"StorageFull": 1, "StorageFilling": 1}),
        ([("age-backup", "104", 9)], {"BackupLate": 1}),
        ([("fail-replication", "erp-1", None)], {"ReplicationFailing": 1}),
        ([("degrade-pool", "pve-02", None)], {"ZfsPoolDegraded": 1, "ZfsPoolErrors": 1}),
        ([("fail-disk", "pve-02", 97)], {"DiskFailing": 1, "DiskWorn": 1}),
        ([("expire-certificate", "pve-02", 5)], {"CertificateExpiring": 1}),
        ([("corrupt-backup", "104", None)], {"BackupLate": 1}),
    ],
    ids=lambda value: " ".join(fault for fault, *_ in value) or "whole" if isinstance(value, list) else "",
)
def test_fault_raises_exactly_its_alerts(
    tmp_path: Path, faults: list[tuple[str, str, float | None]], alerts: dict[str, int]
) -> None:
    stand = Stand()
    for fault, subject, value in faults:
        stand.do(fault, subject, value)
    fires: dict[str, Any] = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{SECONDS - 5}s",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": count} for name, count in alerts.items()],
    }
    run(
        tmp_path,
        make_pve_site(),
        scraped(stand),
        fires,
        without=("hune-fast", "hune-slow", "hune-own"),
        every_seconds=15,
    )
