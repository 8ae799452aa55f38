"""Watched ports, as promtool evaluates the rules."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from hune.site.models import Site
from support.promtool import Facts, Target, World, firing, message, run, samples

DOWN = {"node": "pve-01", "device": "enp1s0f0", "severity": "critical"}
BAD = {**DOWN, "severity": "warning"}
DEAD = {"exporter": 0, "alive": 0}
BACK = {"exporter": 1, "alive": 1}
WATCHED = "enp1s0f0"


def port(*, up: int | None = 1, carrier: int | None = 1, gbit: float | None = 10, device: str = WATCHED) -> Facts:
    of = f'{{device="{device}"}}'
    return {
        f"node_network_up{of}": up,
        f"node_network_carrier{of}": carrier,
        f"node_network_speed_bytes{of}": None if gbit is None else gbit * 1.25e8,
    }


GOOD = port()
UNPLUGGED = port(up=0, carrier=0, gbit=-0.008)
SET_DOWN = port(up=0, carrier=None, gbit=None)
GONE = port(up=None, carrier=None, gbit=None)


def world(told: Mapping[int, Facts], seconds: int = 60) -> World:
    return World(seconds).add(Target("pve-01", told), Target("pve-02", {0: GOOD}))


@pytest.mark.parametrize("fault", [UNPLUGGED, SET_DOWN], ids=["unplugged", "set down"])
def test_watched_port_without_a_link_is_told_within_the_second(tmp_path: Path, site: Site, fault: Facts) -> None:
    run(
        tmp_path,
        site,
        world({0: GOOD, 30: fault, 40: GOOD}),
        firing(29, "LinkDown"),
        firing(30, "LinkDown", DOWN),
        firing(39, "LinkDown", DOWN),
        firing(40, "LinkDown"),
        message(
            30,
            "LinkDown",
            DOWN,
            {
                "summary": "pve-01: port enp1s0f0 (storage A) is down",
                "description": "The watched port has no link, was set down, or is gone from the machine.",
                "runbook_url": "https://hune.example/runbooks/LinkDown",
            },
        ),
    )


def test_watched_port_that_is_gone_from_the_machine_is_down(tmp_path: Path, site: Site) -> None:
    run(tmp_path, site, world({0: GOOD, 30: GONE}), firing(50, "LinkDown", DOWN))


def test_port_is_not_gone_because_the_exporter_could_not_list_ports(tmp_path: Path, site: Site) -> None:
    failed = {**GONE, 'node_scrape_collector_success{collector="netclass"}': 0}
    run(tmp_path, site, world({0: GOOD, 30: failed}), firing(50, "LinkDown"))


def test_port_that_has_a_carrier_but_no_known_state_is_up(tmp_path: Path, site: Site) -> None:
    run(tmp_path, site, world({0: port(up=0)}), firing(50, "LinkDown"))


def test_port_of_a_dead_node_neither_fails_nor_recovers(tmp_path: Path, site: Site) -> None:
    run(
        tmp_path,
        site,
        World(90).add(
            Target("pve-01", {0: GOOD, 30: UNPLUGGED, 40: DEAD, 80: {**BACK, **GOOD}}),
            Target("pve-02", {0: GOOD, 40: {"exporter": 0}}),
        ),
        firing(41, "LinkDown", DOWN),
        firing(79, "LinkDown", DOWN),
        firing(80, "LinkDown"),
    )


def test_unwatched_port_never_alerts(tmp_path: Path, site: Site) -> None:
    other = port(up=0, carrier=0, gbit=0.1, device="eno1")
    changes = {'node_network_carrier_changes_total{device="eno1"}': 0}
    told: dict[int, Facts] = {0: {**GOOD, **other, **changes}}
    told |= {30 + i: {'node_network_carrier_changes_total{device="eno1"}': i} for i in range(20)}
    quiet = [firing(55, name) for name in ("LinkDown", "LinkSlow", "LinkFlapping")]
    run(tmp_path, site, world(told), *quiet)


def test_downshift_is_told_after_five_seconds_and_kept_until_full_speed_is_measured(tmp_path: Path, site: Site) -> None:
    told = {0: GOOD, 30: port(gbit=1), 50: UNPLUGGED, 60: DEAD, 70: {**BACK, **port(gbit=1)}, 80: GOOD}
    run(
        tmp_path,
        site,
        world(told, 90),
        firing(34, "LinkSlow"),
        firing(36, "LinkSlow", BAD),
        firing(55, "LinkSlow", BAD),
        firing(55, "LinkDown", DOWN),
        firing(65, "LinkSlow", BAD),
        firing(79, "LinkSlow", BAD),
        firing(80, "LinkSlow"),
        message(
            40,
            "LinkSlow",
            BAD,
            {
                "summary": "pve-01: port enp1s0f0 (storage A) runs at 1 Gbit/s instead of 10",
                "description": "The port negotiated less than the speed it should have.",
                "runbook_url": "https://hune.example/runbooks/LinkSlow",
                "value": "1",
                "unit": "Gbit/s",
                "threshold": "10",
            },
        ),
    )


@pytest.mark.parametrize("gbit", [-0.008, None], ids=["minus one", "absent"])
def test_unknown_speed_is_no_downshift(tmp_path: Path, site: Site, gbit: float | None) -> None:
    run(tmp_path, site, world({0: port(gbit=gbit)}), firing(50, "LinkSlow"))


def flaps(at: Iterable[int], before: float = 2) -> dict[int, Facts]:
    """Return what is told of a port that goes down at these seconds, and up again a second later."""
    told: dict[int, Facts] = {0: {**GOOD, **_changes(before)}}
    for i, second in enumerate(at):
        told[second] = {**UNPLUGGED, **_changes(before + 2 * i + 1)}
        told[second + 1] = {**GOOD, **_changes(before + 2 * i + 2)}
    return told


def _changes(count: float) -> Facts:
    return {f'node_network_carrier_changes_total{{device="{WATCHED}"}}': count}


def test_two_flaps_are_forgiven_and_three_are_not(tmp_path: Path, site: Site) -> None:
    run(
        tmp_path,
        site,
        world(flaps((60, 90, 120)), 180),
        firing(115, "LinkFlapping"),
        firing(130, "LinkFlapping", BAD),
        message(
            130,
            "LinkFlapping",
            BAD,
            {
                "summary": "pve-01: port enp1s0f0 (storage A) went down and up 3 times in 15 minutes",
                "description": "A link that comes and goes disturbs everything that runs over it. Limit: 3 times.",
                "runbook_url": "https://hune.example/runbooks/LinkFlapping",
                "value": "3",
                "threshold": "3",
            },
        ),
    )


def test_flaps_are_over_when_a_quarter_of_an_hour_is_measured_quiet(tmp_path: Path, site: Site) -> None:
    told: dict[int, Facts] = flaps((60, 61, 62)) | {70: DEAD, 1100: BACK}
    run(
        tmp_path,
        site,
        world(told, 1120),
        firing(65, "LinkFlapping", BAD),
        firing(1095, "LinkFlapping", BAD),
        firing(1105, "LinkFlapping"),
        every_seconds=5,
    )


def test_reboot_is_no_flapping(tmp_path: Path, site: Site) -> None:
    told: dict[int, Facts] = {0: {**GOOD, **_changes(40)}, 60: DEAD, 100: {**BACK, **_changes(2)}}
    run(tmp_path, site, world(told, 160), *(firing(second, "LinkFlapping") for second in (58, 101, 110, 150)))


def counters(good: float, bad: float, direction: str = "receive") -> dict[int, Facts]:
    """Return counters of job `node` that rise by so many a second."""
    of = f'{{device="{WATCHED}"}}'
    return {
        second: {
            f"node_network_{direction}_packets_total{of}": good * second,
            f"node_network_{direction}_errs_total{of}": bad * second,
        }
        for second in range(120)
    }


@pytest.mark.parametrize("direction", ["receive", "transmit"])
def test_bad_packets_of_either_direction_are_told(tmp_path: Path, site: Site, direction: str) -> None:
    told: dict[int, Facts] = counters(96, 4, direction)
    other = "transmit" if direction == "receive" else "receive"
    for second, facts in counters(10000, 0, other).items():
        told[second] = {**told[second], **facts}
    run(
        tmp_path,
        site,
        world(told, 120),
        firing(100, "LinkErrors", BAD),
        message(
            100,
            "LinkErrors",
            BAD,
            {
                "summary": "pve-01: 4 % of the packets on port enp1s0f0 (storage A) are bad",
                "description": "More than 1 % of the packets of one direction were errors in the last 5 minutes.",
                "runbook_url": "https://hune.example/runbooks/LinkErrors",
                "value": "4",
                "unit": "%",
                "threshold": "1",
            },
        ),
    )


def test_node_that_counts_the_same_port_twice_hides_no_other(tmp_path: Path, site: Site) -> None:
    bad = counters(96, 4)
    twice = {
        second: {f'{name[:-1]},direction="{word}"}}': value for name, value in facts.items() for word in ("rx", "tx")}
        for second, facts in bad.items()
    }
    both = World(120).add(Target("pve-01", {0: GOOD, **bad}), Target("pve-02", {0: GOOD, **twice}))
    run(tmp_path, site, both, firing(100, "LinkErrors", BAD, {**BAD, "node": "pve-02"}))


def test_few_packets_are_not_judged_but_all_bad_ones_are(tmp_path: Path, site: Site) -> None:
    run(tmp_path, site, world(counters(5, 1), 120), firing(100, "LinkErrors"))
    run(tmp_path, site, world(counters(0, 50), 120), firing(100, "LinkErrors", BAD))


def test_errors_end_when_measured_so_even_without_traffic(tmp_path: Path, site: Site) -> None:
    of = f'{{device="{WATCHED}"}}'
    still = {f"node_network_receive_packets_total{of}": 9600, f"node_network_receive_errs_total{of}": 400}
    told: dict[int, Facts] = {**counters(96, 4), 119: DEAD, 500: {**BACK, **still}}
    run(
        tmp_path,
        site,
        world(told, 560),
        firing(115, "LinkErrors", BAD),
        firing(495, "LinkErrors", BAD),
        firing(510, "LinkErrors"),
        samples(510, "hune:link_errors_ratio", ({"node": "pve-01", "device": WATCHED}, 0)),
        every_seconds=5,
    )
