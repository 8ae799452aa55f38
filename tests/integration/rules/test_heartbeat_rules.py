"""Who must report and doesn't, as promtool evaluates it."""

from __future__ import annotations

from pathlib import Path

from support.promtool import World, firing, make_site, run

EXPECTS = [
    {"name": "paris", "every": "60s", "key": "env:PARIS"},
    {"name": "backup", "every": "1d", "grace": "2h", "key": "env:BACKUP", "severity": "warning"},
]
PARIS = {"heartbeat": "paris", "severity": "critical"}


Told = dict[int, float | None]


def hub(seconds: int, silence: Told, heard_at: Told, name: str = "paris") -> World:
    labels = f'job="hub",instance="127.0.0.1:9094",heartbeat="{name}"'
    world = World(seconds)
    world.put(f"hune_hub_heartbeat_silence_seconds{{{labels}}}", silence)
    return world.put(f"hune_hub_heartbeat_seconds{{{labels}}}", heard_at)


def test_a_silence_longer_than_interval_and_grace_is_told_and_over_when_it_is_heard(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_site(expects=EXPECTS),
        hub(300, {0: 100.0, 60: 121.0, 150: 2.0}, {0: 0.0, 150: 148.0}),
        firing(45, "HeartbeatMissed"),
        firing(75, "HeartbeatMissed", PARIS),
        firing(149, "HeartbeatMissed", PARIS),
        firing(181, "HeartbeatMissed"),
    )


def test_a_dead_hub_and_one_that_forgot_end_nothing(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_site(expects=EXPECTS),
        # Dead from 60 s on; back at 150 s with a new file, where nothing was ever heard.
        hub(300, {0: 121.0, 60: None, 150: 3.0}, {0: 0.0, 60: None, 150: 0.0}),
        firing(45, "HeartbeatMissed", PARIS),
        firing(140, "HeartbeatMissed", PARIS),
        firing(290, "HeartbeatMissed", PARIS),
    )


def test_a_job_of_every_night_has_its_own_time_and_severity(tmp_path: Path) -> None:
    limit = 26 * 3600.0
    run(
        tmp_path,
        make_site(expects=EXPECTS),
        hub(120, {0: limit, 60: limit + 1.0}, {0: 0.0}, "backup"),
        firing(45, "HeartbeatMissed"),
        firing(90, "HeartbeatMissed", {"heartbeat": "backup", "severity": "warning"}),
    )
