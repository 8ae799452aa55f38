"""What the site says of single metrics is done to old days, and nothing is done to others."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from hune.store.assignment import Assignment
from hune.store.policy import Policy
from support import remote_write as remote
from support.timescale import Adapter, fetch, stored

DAY_MS = 86_400_000
STALE = 0x7FF0000000000002
POLICIES = (
    # None comes of age at midnight of what the tests store.
    Policy("short_.*", retention_days=3),
    Policy("coarse|short_never", thin_after_days=3, thin_every_seconds=300),
    Policy(".*", thin_after_days=5, thin_every_seconds=3600),
)


class SiteAdapter(Adapter):
    """The adapter of a data directory: it does what `config/timescale.json` there says."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(database)
        self._argv = [*self._argv[: self._argv.index("--database")], "--data-dir", str(folder)]
        asked = Assignment("env:HUNE_TEST_DATABASE", "127.0.0.1", self.port, policies=POLICIES)
        (folder / "config").mkdir(exist_ok=True)
        (folder / "config" / "timescale.json").write_text(asked.to_json())


async def dropped(one: Adapter, samples: int) -> None:
    async with asyncio.timeout(180):
        while await asyncio.to_thread(one.metric, "hune_store_samples_dropped_total") < samples:  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.05)


async def test_metrics_are_dropped_and_thinned_as_the_site_says(database: str, tmp_path: Path) -> None:
    today = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
    noon = {age: today - age * DAY_MS + DAY_MS // 2 for age in (2, 4, 6)}

    def series(metric: str, age: int) -> tuple[remote.Labels, list[tuple[int, float]]]:
        # 25 minutes every 15 s, a stale marker in the middle.
        samples = [(noon[age] + at * 15_000, float(at)) for at in range(100)]
        samples[50] = (samples[50][0], remote.number(STALE))
        return (("__name__", metric), ("age", str(age))), samples

    every = [series(metric, age) for metric in ("short_one", "coarse", "other") for age in noon]
    body = remote.request(every)
    one = SiteAdapter(tmp_path, database)
    try:
        one.start()
        one.store(body)
        one.stop()
        one.start()
        # short_one: two days of three. coarse: of two days 100 become 5 and the marker. other: of one day, 1 and it.
        gone = 2 * 100 + 2 * 94 + 98
        await dropped(one, gone)
        found = await stored(database)
        assert {labels: len(samples) for labels, samples in found.items()} == {
            (("__name__", "short_one"), ("age", "2")): 100,
            (("__name__", "coarse"), ("age", "2")): 100,
            (("__name__", "coarse"), ("age", "4")): 6,
            (("__name__", "coarse"), ("age", "6")): 6,
            (("__name__", "other"), ("age", "2")): 100,
            (("__name__", "other"), ("age", "4")): 100,
            (("__name__", "other"), ("age", "6")): 2,
        }
        marker = noon[4] + 50 * 15_000
        lasts = [(noon[4] + at * 15_000, remote.bits(float(at))) for at in (19, 39, 59, 79, 99)]
        assert found[(("__name__", "coarse"), ("age", "4"))] == sorted([*lasts, (marker, None)])
        # Sent again, what was dropped comes back, and goes again with the next round.
        one.store(body)
        one.stop()
        one.start()
        await dropped(one, gone)
        assert await stored(database) == found
        assert one.metric("hune_store_samples_packed_total") == gone
    finally:
        one.stop()


async def test_what_was_thinned_is_not_thinned_again(database: str, tmp_path: Path) -> None:
    moment = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 9 * DAY_MS
    one = SiteAdapter(tmp_path, database)
    try:
        one.start()
        one.store(remote.request([((("__name__", "m"),), [(moment + at * 1000, float(at)) for at in range(10)])]))
        one.stop()
        one.start()
        await dropped(one, 9)
        chunks = (
            "SELECT ctid::text AS place, every FROM hune.chunks UNION ALL SELECT ctid::text, every FROM hune.thinning"
        )
        before = await fetch(database, chunks)
        day = (await fetch(database, "SELECT hune.thin(day, '{m}', 3600) AS gone FROM hune.packed_days() AS day"))[0]
        assert day["gone"] == 0
        assert await fetch(database, chunks) == before
        assert [row["every"] for row in before] == [3600]
        argv = [sys.executable, "-m", "hune", "store", "check", "--database", "env:URL"]
        checked = await asyncio.to_thread(
            subprocess.run, argv, env={**os.environ, "URL": database}, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")
    finally:
        one.stop()
