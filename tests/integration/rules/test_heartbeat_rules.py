"""Who must report and doesn't, as promtool evaluates it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.promtool import World, firing, make_site, run

EXPECTS = [
    {"name": "paris", "every": "60s", "key": "env:PARIS"},
    {"name": "backup", "every": "1d", "grace": "2h", "key": "env:BACKUP", "severity": "warning"},
]
PARIS = {"heartbeat": "paris", "severity": "critical"}


Told = dict[int, float | None]


def put(world: World, name: str, *, silence: Told, heard_at: Told) -> World:
    labels = f'job="hub",instance="127.0.0.1:9094",heartbeat="{name}"'
    world.put(f"hune_hub_heartbeat_silence_seconds{{{labels}}}", silence)
    return world.put(f"hune_hub_heartbeat_seconds{{{labels}}}", heard_at)


def test_a_silence_longer_than_interval_and_grace_is_told_and_over_when_it_is_heard(tmp_path: Path) -> None:
    world = World(160)
    put(world, "paris", silence={0: 100.0, 40: 121.0, 105: 2.0}, heard_at={0: 0.0, 105: 103.0})
    # A job of every night has its own time and severity.
    put(world, "backup", silence={0: 26 * 3600.0, 40: 26 * 3600.0 + 1.0}, heard_at={0: 0.0})
    backup = {"heartbeat": "backup", "severity": "warning"}
    run(
        tmp_path,
        make_site(expects=EXPECTS),
        world,
        firing(30, "HeartbeatMissed"),
        firing(60, "HeartbeatMissed", PARIS, backup),
        firing(100, "HeartbeatMissed", PARIS, backup),
        firing(150, "HeartbeatMissed", backup),
    )


@pytest.mark.long
def test_a_dead_hub_and_one_that_forgot_end_nothing(tmp_path: Path) -> None:
    # Dead from 60 s on; back at 150 s with a new file, where nothing was ever heard.
    world = put(
        World(300),
        "paris",
        silence={0: 121.0, 60: None, 150: 3.0},
        heard_at={0: 0.0, 60: None, 150: 0.0},
    )
    run(
        tmp_path,
        make_site(expects=EXPECTS),
        world,
        firing(45, "HeartbeatMissed", PARIS),
        firing(140, "HeartbeatMissed", PARIS),
        firing(290, "HeartbeatMissed", PARIS),
    )
