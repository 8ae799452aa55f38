"""Nodes that fall silent, as promtool evaluates the rules."""

from pathlib import Path

import pytest

from hune.site.models import Site
from support.promtool import HERE, Target, World, firing, make_site, message, run, samples

DEAD = {"exporter": 0, "alive": 0}
BACK = {"exporter": 1, "alive": 1}
ONE, TWO = ({"node": name, "severity": "critical"} for name in ("pve-01", "pve-02"))
SILENT = {"node": "pve-01", "severity": "warning"}
CUT = {"severity": "critical"}


def test_dead_node_is_told_within_six_seconds_and_once(tmp_path: Path, site: Site) -> None:
    world = World(60).add(HERE, Target("pve-01", {0: {}, 30: DEAD, 50: BACK}), Target("pve-02", {0: {}}))
    run(
        tmp_path,
        site,
        world,
        firing(31, "NodeDown"),
        firing(35, "NodeDown", ONE),
        firing(49, "NodeDown", ONE),
        firing(49, "CutOff"),
        firing(50, "NodeDown"),
        message(
            35,
            "NodeDown",
            ONE,
            {
                "summary": "pve-01 is down",
                "description": "Neither the machine nor its node exporter has answered for 3 seconds. "
                "Its last values are kept as they were.",
                "runbook_url": "https://hune.example/runbooks/NodeDown",
            },
        ),
        samples(
            40,
            "hune:node_up",
            ({"node": "here", "remote": "false"}, 1),
            ({"node": "pve-01", "remote": "true"}, 0),
            ({"node": "pve-02", "remote": "true"}, 1),
        ),
    )


def test_node_that_answers_either_way_is_up(tmp_path: Path, site: Site) -> None:
    world = World(60).add(Target("pve-01", {0: {}, 30: {"exporter": 0}}), Target("pve-02", {0: {}, 30: {"alive": 0}}))
    run(tmp_path, site, world, firing(50, "NodeDown"), firing(50, "CutOff"))


def test_this_host_lives_as_long_as_it_evaluates(tmp_path: Path, site: Site) -> None:
    world = World(90).add(Target("here", {0: {}, 30: DEAD}), Target("pve-01", {0: {}}), Target("pve-02", {0: {}}))
    run(tmp_path, site, world, firing(80, "NodeDown"), firing(80, "ExporterSilent", {**SILENT, "node": "here"}))


def test_nothing_is_told_in_the_first_seconds_after_a_start(tmp_path: Path, site: Site) -> None:
    world = World(60).add(Target("here", {0: DEAD, 5: BACK}), Target("pve-01", {0: DEAD}), Target("pve-02", {0: {}}))
    quiet = (firing(second, "NodeDown") for second in range(15))
    run(
        tmp_path,
        site,
        world,
        *quiet,
        samples(10, "hune:node_up{node='pve-01'}"),
        firing(40, "NodeDown", ONE),
        firing(10, "ExporterSilent"),
    )


def test_target_that_vanishes_is_told_after_half_a_minute(tmp_path: Path, site: Site) -> None:
    world = World(90).add(Target("pve-01", {0: {}, 30: {"exporter": None, "alive": None}}), Target("pve-02", {0: {}}))
    run(tmp_path, site, world, firing(55, "NodeDown"), firing(65, "NodeDown", ONE))


def test_node_that_left_the_site_is_not_dead(tmp_path: Path, site: Site) -> None:
    left = {0: 1.0, 40: None}
    world = World(120).add(Target("pve-01", {0: {"cpu": 90}, 30: DEAD, 42: {"exporter": None, "alive": None}}))
    world.put('hune:site_node{node="pve-01",kind="linux",remote="true"}', left).put("hune:site_loaded", {0: 1.0})
    world.put('hune:site_cpu_limit_celsius{node="pve-01"}', left).put(
        'hune:site_cpu_clear_celsius{node="pve-01"}', left
    )
    hot = {**ONE, "chip": "platform_coretemp_0"}
    run(
        tmp_path,
        site,
        world,
        firing(39, "NodeDown", ONE),
        firing(39, "CpuHot", hot),
        firing(60, "NodeDown"),
        firing(60, "CpuHot"),
        firing(110, "NodeDown"),
        without=["hune-site"],
    )


@pytest.mark.parametrize("pause", [7, 11, 12, 16, 60])
def test_what_is_remembered_outlives_a_pause_of_the_constants(tmp_path: Path, site: Site, pause: int) -> None:
    # As after a restart or a sleep, when the fast rules come first.
    world = World(150).add(Target("pve-01", {0: {"cpu": 90}, 30: DEAD}), Target("pve-02", {0: {}}))
    labels = 'node="pve-01",kind="linux",remote="true"'
    said = (f"hune:site_node{{{labels}}}", 'hune:site_cpu_limit_celsius{node="pve-01"}', "hune:site_loaded")
    for series in said:
        world.series[series] = [
            1.0 if not second % 5 and not 50 < second < 50 + pause else "_" for second in range(world.seconds)
        ]
    hot = {**ONE, "chip": "platform_coretemp_0"}
    moments = [49, *range(50 + pause - 2, 50 + pause + 7), 149]
    expected = [firing(second, name, who) for second in moments for name, who in (("NodeDown", ONE), ("CpuHot", hot))]
    run(tmp_path, site, world, *expected, without=["hune-site"])


def test_silent_exporter_on_a_living_machine_is_a_warning(tmp_path: Path) -> None:
    site = make_site(thresholds={"exporter_silence_seconds": 20})
    world = World(120).add(
        HERE,
        Target("pve-01", {0: {}, 30: {"exporter": 0}, 70: {"alive": 0}, 80: {"alive": 1}, 90: {"exporter": 1}}),
        Target("pve-02", {0: {}}),
    )
    run(
        tmp_path,
        site,
        world,
        firing(48, "ExporterSilent"),
        firing(52, "ExporterSilent", SILENT),
        firing(60, "NodeDown"),
        firing(79, "ExporterSilent", SILENT),
        firing(79, "NodeDown", ONE),
        firing(82, "NodeDown"),
        firing(89, "ExporterSilent", SILENT),
        firing(90, "ExporterSilent"),
        message(
            60,
            "ExporterSilent",
            SILENT,
            {
                "summary": "pve-01: the node exporter is silent",
                "description": "The machine answers, but its node exporter has not for 20 seconds: "
                "nothing is measured there.",
                "runbook_url": "https://hune.example/runbooks/ExporterSilent",
            },
        ),
    )


def test_machine_that_boots_has_time_to_start_its_exporter(tmp_path: Path) -> None:
    site = make_site(thresholds={"exporter_silence_seconds": 20})
    down, answers, slow = {"exporter": 0, "alive": 0}, {"alive": 1}, {"exporter": 1}
    world = World(180).add(
        HERE,
        Target("pve-01", {0: {}, 30: down, 90: answers, 110: slow}),
        Target("pve-02", {0: {}, 30: down, 90: answers}),
        Target("pve-03", {0: {}}),
    )
    silent = {**SILENT, "node": "pve-02"}
    run(
        tmp_path,
        site,
        world,
        firing(92, "ExporterSilent"),
        firing(115, "ExporterSilent"),
        firing(125, "ExporterSilent", silent),
    )


def test_exporter_that_never_answered_is_told_too(tmp_path: Path, site: Site) -> None:
    world = World(60).add(HERE, Target("pve-01", {0: {"exporter": 0}}), Target("pve-02", {0: {}}))
    run(tmp_path, site, world, firing(25, "ExporterSilent"), firing(35, "ExporterSilent", SILENT))


def test_all_remote_nodes_silent_together_are_one_alert(tmp_path: Path, site: Site) -> None:
    # A second apart: the scrapes of a second are spread over it.
    world = World(120).add(
        HERE, Target("pve-01", {0: {}, 30: DEAD, 80: BACK}), Target("pve-02", {0: {}, 31: DEAD, 82: BACK})
    )
    run(
        tmp_path,
        site,
        world,
        firing(36, "CutOff", CUT),
        *(firing(second, "NodeDown") for second in range(30, 100)),
        firing(79, "CutOff", CUT),
        firing(80, "CutOff"),
        samples(50, "hune:cut_off", ({}, 1)),
        samples(90, "hune:cut_off", ({}, 0)),
    )


def test_cut_that_heals_in_part_leaves_the_rest_dead(tmp_path: Path, site: Site) -> None:
    world = World(120).add(Target("pve-01", {0: {}, 30: DEAD, 60: BACK}), Target("pve-02", {0: {}, 30: DEAD}))
    run(
        tmp_path,
        site,
        world,
        firing(50, "CutOff", CUT),
        firing(62, "CutOff"),
        firing(63, "NodeDown"),
        firing(70, "NodeDown", TWO),
    )


def test_nodes_that_die_one_after_the_other_are_no_cut(tmp_path: Path, site: Site) -> None:
    world = World(90).add(Target("pve-01", {0: {}, 30: DEAD}), Target("pve-02", {0: {}, 50: DEAD}))
    run(tmp_path, site, world, firing(80, "CutOff"), firing(80, "NodeDown", ONE, TWO))


def test_a_node_known_to_be_dead_does_not_hide_a_cut(tmp_path: Path) -> None:
    site = make_site(nodes=[{"name": f"n{i}", "address": f"192.0.2.{i}"} for i in (1, 2, 3)])
    dead = {"node": "n1", "severity": "critical"}
    world = World(120).add(
        Target("n1", {0: {}, 30: DEAD}), Target("n2", {0: {}, 60: DEAD}), Target("n3", {0: {}, 60: DEAD})
    )
    run(tmp_path, site, world, firing(50, "CutOff"), firing(70, "CutOff", CUT), firing(110, "NodeDown", dead))


def test_one_remote_node_alone_is_a_dead_node(tmp_path: Path) -> None:
    site = make_site(nodes=[{"name": "pve-01", "address": "192.0.2.11"}])
    world = World(60).add(Target("pve-01", {0: {}, 30: DEAD}))
    run(tmp_path, site, world, firing(50, "CutOff"), firing(50, "NodeDown", ONE))


def test_lab_and_site_are_cut_off_apart(tmp_path: Path) -> None:
    lab = [{"name": f"lab-{i}", "address": f"127.0.1.{i}", "lab": True} for i in (1, 2)]
    real = [{"name": f"pve-0{i}", "address": f"192.0.2.{i}"} for i in (1, 2)]
    site = make_site(nodes=real + lab)
    world = World(120).add(
        *(Target(f"pve-0{i}", {0: {}, 30: DEAD, 60: BACK}) for i in (1, 2)),
        *(Target(f"lab-{i}", {0: {}, 80: DEAD}, lab=True) for i in (1, 2)),
    )
    run(
        tmp_path,
        site,
        world,
        firing(50, "CutOff", CUT),
        firing(100, "CutOff", {**CUT, "lab": "true"}),
        *(firing(second, "NodeDown") for second in (50, 100)),
    )
