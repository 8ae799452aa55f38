"""The snapshot: what is remembered of a node that fell silent, and what is not."""

from hune.nester.assemble import Memory, assemble
from hune.nester.queries import Live, NodeLive, Vitals
from hune.nester.snapshot import Node, Reading
from hune.site.models import Site
from support.snapshots import alert

SITE = Site.model_validate(
    {
        "name": "homelab",
        "thresholds": {"cpu_celsius": 75},
        "nodes": [
            {
                "name": "pve-01",
                "address": "192.168.1.11",
                "kind": "proxmox",
                "links": [{"device": "enp1s0f0", "speed": "10G", "name": "storage A"}],
            }
        ],
    }
)


def live(at: float, **node: object) -> Live:
    return Live(measured_at=at, nodes={"pve-01": NodeLive(**node)})  # type: ignore[arg-type]


def heat(value: float, at: float, *, core: int = 0) -> dict[tuple[str, str], tuple[str, Reading]]:
    return {("c", f"temp{core + 2}"): (f"Core {core}", Reading(value, at))}


def seen(memory: Memory, now: float = 100.0) -> Node:
    snapshot = assemble(SITE, memory, number=1, now=now, alerts=(), services=(), sources=())
    return snapshot.nodes[0]


def test_node_that_was_never_heard_of_has_no_values() -> None:
    node = seen(Memory())
    assert (node.up, node.sensors, node.cpu_ratio) == (None, (), None)
    assert node.limit_celsius == 75


def test_silent_node_keeps_what_it_last_said() -> None:
    memory = Memory()
    memory.learn(live(10.0, up=Reading(1, 10.0), sensors=heat(95, 10.0)))
    memory.learn(live(50.0, up=Reading(0, 50.0)))
    node = seen(memory)
    assert node.up == Reading(0, 50.0)
    assert node.hottest is not None
    assert node.hottest.celsius == Reading(95, 10.0)
    assert node.hottest.celsius.is_stale(50.0)


def test_answer_without_a_tick_changes_nothing() -> None:
    memory = Memory()
    memory.learn(live(10.0, up=Reading(1, 10.0)))
    memory.learn(Live())
    assert memory.measured_at == 10.0
    assert seen(memory).up == Reading(1, 10.0)


def test_sensor_that_vanished_alone_is_not_mixed_with_the_living() -> None:
    memory = Memory()
    memory.learn(live(10.0, sensors=heat(90, 10.0, core=1)))
    memory.learn(live(60.0, sensors=heat(45, 60.0, core=0)))
    assert [sensor.label for sensor in seen(memory).sensors] == ["Core 0"]


def test_cores_are_in_the_order_of_their_numbers() -> None:
    memory = Memory()
    for core in (10, 2, 0):
        memory.learn(live(10.0, sensors=heat(45, 10.0, core=core)))
    assert [sensor.label for sensor in seen(memory).sensors] == ["Core 0", "Core 2", "Core 10"]


def test_hottest_core_is_named_rather_than_the_package_that_repeats_it() -> None:
    memory = Memory()
    package = {("c", "temp1"): ("Package id 0", Reading(50, 10.0))}
    memory.learn(live(10.0, sensors={**package, **heat(50, 10.0)}))
    hottest = seen(memory).hottest
    assert hottest is not None
    assert hottest.label == "Core 0"


def test_port_that_went_down_loses_its_speed() -> None:
    memory = Memory()
    memory.learn(live(10.0, links={"enp1s0f0": Reading(1, 10)}, speeds_bits={"enp1s0f0": Reading(1e10, 10)}))
    memory.learn(live(11.0, links={"enp1s0f0": Reading(0, 11)}))
    (port,) = seen(memory).ports
    assert (port.name, port.expected_bits, port.speed_bits) == ("storage A", 1e10, None)


def test_limit_of_the_chip_goes_before_that_of_the_site() -> None:
    memory = Memory()
    memory.learn(live(10.0, sensors=heat(50, 10.0), limits={"c": 82.0}))
    assert seen(memory).limit_celsius == 82.0


def test_alert_learns_what_people_call_its_port() -> None:
    fired = alert("LinkDown", where="pve-01", labels={"device": "enp1s0f0"})
    other = alert("LinkDown", where="pve-02", labels={"device": "enp1s0f0"})
    made = assemble(SITE, Memory(), number=1, now=1, alerts=(fired, other), services=(), sources=())
    assert [each.label("port") for each in made.alerts] == ["storage A", ""]


def test_slow_values_stay_until_newer_ones_come() -> None:
    memory = Memory()
    memory.learn_vitals(Vitals(readings={"pve-01": {"cpu_ratio": Reading(0.2, 10, 15)}}, facts={"pve-01": {"cpus": 6}}))
    memory.learn_vitals(Vitals(readings={"pve-01": {"load": Reading(1.5, 25, 15)}}))
    node = seen(memory)
    assert node.cpu_ratio == Reading(0.2, 10, 15)
    assert node.load == Reading(1.5, 25, 15)
    assert node.cpus == 6
