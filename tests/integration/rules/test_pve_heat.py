"""A guest beside its host's heat, as promtool evaluates the rules."""

from pathlib import Path

from support.promtool import Facts, run, samples
from support.pve_world import make_pve_site, pve_world


def guest(vmid: int, node: str, *, runs: bool = True, template: int = 0) -> Facts:
    info = f'id="qemu/{vmid}",node="{node}",name="g{vmid}",type="qemu",template="{template}",tags=""'
    return {f"pve_guest_info{{{info}}}": 1, f'pve_up{{id="qemu/{vmid}"}}': int(runs)}


def gone(vmid: int, node: str) -> Facts:
    return dict.fromkeys([key for key in guest(vmid, node) if key.startswith("pve_guest_info")])


HOT = 'hune:cpu_celsius:max{node="pve-01",chip="platform_coretemp_0"}'
OTHER_CHIP = 'hune:cpu_celsius:max{node="pve-01",chip="platform_coretemp_1"}'
HEAT = "hune:guest_host_celsius"


def beside(vmid: int, node: str, celsius: float) -> tuple[dict[str, str], float]:
    return {"cluster": "home", "id": f"qemu/{vmid}", "node": node}, celsius


def test_running_guests_stand_beside_the_hottest_chip_of_their_host(tmp_path: Path) -> None:
    facts = {**guest(100, "pve-01"), **guest(101, "pve-01", runs=False), **guest(102, "pve-01", runs=False, template=1)}
    # Nobody measures pve-02: of its guests nothing is known.
    world = pve_world(60, {0: {**facts, **guest(103, "pve-02")}})
    world.put(HOT, {0: 71}).put(OTHER_CHIP, {0: 64})
    run(
        tmp_path,
        make_pve_site(),
        world,
        samples(50, HEAT, beside(100, "pve-01", 71)),
        samples(50, "hune:pve_node_celsius", ({"cluster": "home", "node": "pve-01"}, 71)),
        every_seconds=5,
    )


def test_a_guest_takes_the_heat_of_the_host_that_it_moved_to(tmp_path: Path) -> None:
    world = pve_world(110, {0: guest(100, "pve-01"), 60: {**gone(100, "pve-01"), **guest(100, "pve-02")}})
    world.put(HOT, {0: 71}).put('hune:cpu_celsius:max{node="pve-02",chip="x"}', {0: 48})
    run(
        tmp_path,
        make_pve_site(),
        world,
        samples(50, HEAT, beside(100, "pve-01", 71)),
        samples(100, HEAT, beside(100, "pve-02", 48)),
        every_seconds=5,
    )


def test_what_is_not_measured_any_more_or_not_read_stands_beside_nothing(tmp_path: Path) -> None:
    world = pve_world(180, {0: guest(100, "pve-01"), 120: {"answers": 0}})
    world.put(HOT, {0: 71, 60: None, 90: 72})
    run(
        tmp_path,
        make_pve_site(),
        world,
        samples(50, HEAT, beside(100, "pve-01", 71)),
        samples(80, HEAT),
        samples(115, HEAT, beside(100, "pve-01", 72)),
        samples(170, HEAT),
        every_seconds=5,
    )
