"""CPU temperature, as promtool evaluates the rules."""

from pathlib import Path

from hune.site.models import Site
from support.promtool import HERE, Target, World, firing, make_site, message, run, samples

CHIP = "platform_coretemp_0"
HOT = {"node": "pve-01", "chip": CHIP, "severity": "critical"}
LOST = {"node": "pve-01", "chip": CHIP, "severity": "warning"}
DEAD = {"exporter": 0, "alive": 0}


def test_cpu_above_its_limit_fires_within_the_second(tmp_path: Path, site: Site) -> None:
    world = World(40).add(Target("pve-01", {0: {"cpu": 70}, 30: {"cpu": 70.5}}), Target("pve-02", {0: {"cpu": 60}}))
    run(
        tmp_path,
        site,
        world,
        firing(29, "CpuHot"),
        firing(30, "CpuHot", HOT),
        message(
            30,
            "CpuHot",
            HOT,
            {
                "summary": "pve-01: CPU at 70.5 °C, limit 70 °C",
                "description": "The hottest sensor of platform_coretemp_0 is above its limit. "
                "Over when it is measured below 67 °C.",
                "runbook_url": "https://hune.example/runbooks/CpuHot",
                "value": "70.5",
                "unit": "°C",
                "threshold": "70",
            },
        ),
    )


def test_cpu_is_over_below_the_clear_level_not_below_the_limit(tmp_path: Path, site: Site) -> None:
    world = World(60).add(Target("pve-01", {0: {"cpu": 75}, 30: {"cpu": 67}, 40: {"cpu": 66.9}, 50: {"cpu": 69}}))
    run(tmp_path, site, world, firing(39, "CpuHot", HOT), firing(40, "CpuHot"), firing(55, "CpuHot"))


def test_node_with_two_names_for_one_sensor_hides_no_other(tmp_path: Path, site: Site) -> None:
    twice = f'node_hwmon_sensor_label{{chip="{CHIP}",sensor="temp1",label="another"}}'
    world = World(40).add(Target("pve-01", {0: {"cpu": 95}}), Target("pve-02", {0: {"cpu": 95, twice: 1}}))
    run(tmp_path, site, world, firing(30, "CpuHot", HOT, {**HOT, "node": "pve-02"}))


def test_node_that_invents_processors_is_believed_no_more_of_them_than_a_machine_has(
    tmp_path: Path, site: Site
) -> None:
    chip = 'node_hwmon_chip_names{{chip="invented{}",chip_name="coretemp"}}'.format
    heat = 'node_hwmon_temp_celsius{{chip="invented{}",sensor="temp1"}}'.format
    before = {each(number): value for number in range(20) for each, value in ((chip, 1), (heat, 60))}
    after = {each(number): value for number in range(20, 40) for each, value in ((chip, 1), (heat, 95))}
    world = World(60).add(Target("pve-01", {0: {"cpu": 60}, 40: {"cpu": 95}}))
    world.add(Target("pve-02", {0: {"cpu": 60} | before, 30: after, 40: {"cpu": 95}}))
    run(
        tmp_path,
        site,
        world,
        firing(39, "CpuHot"),
        samples(39, "count by (node) (hune:cpu_seen_seconds)", ({"node": "pve-01"}, 1), ({"node": "pve-02"}, 21)),
        firing(45, "CpuHot", HOT, {**HOT, "node": "pve-02"}),
    )


def test_node_that_dies_hot_stays_hot_until_it_is_measured_cool(tmp_path: Path, site: Site) -> None:
    world = World(420).add(
        Target("pve-01", {0: {"cpu": 60}, 30: {"cpu": 95}, 40: DEAD, 400: {"exporter": 1, "alive": 1, "cpu": 50}}),
        Target("pve-02", {0: {"cpu": 60}}),
    )
    run(
        tmp_path,
        site,
        world,
        firing(41, "CpuHot", HOT),
        firing(46, "NodeDown", {"node": "pve-01", "severity": "critical"}),
        firing(399, "CpuHot", HOT),
        samples(399, "hune:cpu_celsius:last{node='pve-01'}", ({"node": "pve-01", "chip": CHIP}, 95)),
        samples(399, "hune:cpu_celsius:max{node='pve-01'}"),
        firing(400, "CpuHot"),
        firing(400, "NodeDown"),
    )


def test_a_scrape_that_fails_once_changes_nothing(tmp_path: Path, site: Site) -> None:
    world = World(50).add(
        Target("pve-01", {0: {"cpu": 80}, 30: {"exporter": 0}, 31: {"exporter": 1}}), Target("pve-02", {0: {"cpu": 60}})
    )
    everything = [firing(second, "NodeDown") for second in range(28, 36)]
    run(tmp_path, site, world, *everything, *(firing(second, "CpuHot", HOT) for second in range(28, 36)))


def test_a_gap_in_all_scrapes_ends_no_alert_and_starts_none(tmp_path: Path, site: Site) -> None:
    nothing = {"exporter": None, "alive": None}
    world = World(120).add(
        HERE,
        Target("pve-01", {0: {"cpu": 80}, 30: nothing, 50: {"exporter": 1, "alive": 1}}),
        Target("pve-02", {0: {"cpu": 60}, 30: nothing, 50: {"exporter": 1, "alive": 1}}),
    )
    others = ("NodeDown", "CutOff", "ExporterSilent", "CpuSensorLost")
    run(
        tmp_path,
        site,
        world,
        *(firing(second, "CpuHot", HOT) for second in range(29, 120, 5)),
        *(firing(second, name) for second in range(29, 55) for name in others),
    )


def test_only_cpu_chips_count(tmp_path: Path, site: Site) -> None:
    disk = 'chip="nvme_nvme0"'
    world = World(40).add(
        Target(
            "pve-01",
            {
                0: {
                    "cpu": 60,
                    f'node_hwmon_temp_celsius{{{disk},sensor="temp1"}}': 90,
                    f'node_hwmon_chip_names{{{disk},chip_name="nvme"}}': 1,
                }
            },
        )
    )
    run(tmp_path, site, world, firing(30, "CpuHot"))


def test_sensors_without_a_label_and_chips_of_one_name_count(tmp_path: Path, site: Site) -> None:
    other = 'chip="platform_coretemp_1"'
    world = World(40).add(
        Target(
            "pve-01",
            {
                0: {
                    "cpu": 60,
                    f'node_hwmon_temp_celsius{{{other},sensor="temp2"}}': 90,
                    f'node_hwmon_chip_names{{{other},chip_name="coretemp"}}': 1,
                }
            },
        )
    )
    run(
        tmp_path,
        site,
        world,
        firing(30, "CpuHot", {**HOT, "chip": "platform_coretemp_1"}),
        samples(
            30,
            "hune:cpu_celsius",
            ({"node": "pve-01", "chip": CHIP, "sensor": "temp1", "label": "Package id 0"}, 60),
            ({"node": "pve-01", "chip": "platform_coretemp_1", "sensor": "temp2"}, 90),
        ),
    )


def test_tdie_counts_where_tctl_carries_an_offset(tmp_path: Path, site: Site) -> None:
    chip = 'chip="pci0000:00_0000:00_18_3"'
    k10temp = {
        f'node_hwmon_chip_names{{{chip},chip_name="k10temp"}}': 1,
        f'node_hwmon_temp_celsius{{{chip},sensor="temp1"}}': 87,
        f'node_hwmon_sensor_label{{{chip},sensor="temp1",label="Tctl"}}': 1,
    }
    tdie = {
        f'node_hwmon_temp_celsius{{{chip},sensor="temp2"}}': 60,
        f'node_hwmon_sensor_label{{{chip},sensor="temp2",label="Tdie"}}': 1,
    }
    world = World(40).add(Target("pve-01", {0: k10temp | tdie}), Target("pve-02", {0: k10temp}))
    run(tmp_path, site, world, firing(30, "CpuHot", {**HOT, "node": "pve-02", "chip": "pci0000:00_0000:00_18_3"}))


def test_limits_of_group_node_and_chip(tmp_path: Path) -> None:
    site = make_site(
        thresholds={"cpu_celsius": 75},
        groups={"warm": {"thresholds": {"cpu_celsius": {"limit": 90, "clear": 80}}}},
        nodes=[
            {"name": "plain", "address": "192.0.2.1"},
            {"name": "grouped", "address": "192.0.2.2", "group": "warm"},
            {"name": "own.chip", "address": "192.0.2.3", "group": "warm", "thresholds": {"chips": {CHIP: 60}}},
        ],
    )
    world = World(40).add(*(Target(name, {0: {"cpu": 78}}) for name in ("plain", "grouped", "own.chip")))
    limits = {"plain": (75, 72), "grouped": (90, 80), "own.chip": (60, 57)}
    run(
        tmp_path,
        site,
        world,
        firing(30, "CpuHot", {**HOT, "node": "own.chip"}, {**HOT, "node": "plain"}),
        samples(30, "hune:cpu_limit_celsius", *(({"node": n, "chip": CHIP}, v[0]) for n, v in limits.items())),
        samples(30, "hune:cpu_clear_celsius", *(({"node": n, "chip": CHIP}, v[1]) for n, v in limits.items())),
    )


def test_sensor_that_vanishes_from_a_living_node_is_told_after_five_minutes(tmp_path: Path, site: Site) -> None:
    world = World(420).add(
        Target("pve-01", {0: {"cpu": 60}, 30: {"cpu": None}, 360: DEAD, 400: {"exporter": 1, "alive": 1, "cpu": 60}})
    )
    run(
        tmp_path,
        site,
        world,
        firing(320, "CpuSensorLost"),
        firing(340, "CpuSensorLost", LOST),
        firing(395, "CpuSensorLost", LOST),
        firing(405, "CpuSensorLost"),
        every_seconds=5,
    )


def test_sensors_of_a_dead_node_are_not_lost(tmp_path: Path, site: Site) -> None:
    world = World(420).add(Target("pve-01", {0: {"cpu": 60}, 30: DEAD}))
    run(tmp_path, site, world, firing(415, "CpuSensorLost"), every_seconds=5)


def test_lab_nodes_carry_their_label(tmp_path: Path) -> None:
    site = make_site(nodes=[{"name": "pve-01", "address": "127.0.1.11", "lab": True}])
    world = World(40).add(Target("pve-01", {0: {"cpu": 80}}, lab=True))
    run(tmp_path, site, world, firing(30, "CpuHot", {**HOT, "lab": "true"}))
