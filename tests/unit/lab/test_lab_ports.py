"""What the kernel would show of a port in each state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.lab.hardware import MACHINES, SFP_PORTS, Port, guest_ports
from hune.lab.ports import PortState, attributes

SFP = next(port for port in MACHINES[0].ports if port.name == SFP_PORTS[0])
ACTIONS = {
    "unplug": PortState.unplug,
    "disable": PortState.disable,
    "plug": PortState.plug,
    "slow": PortState.slow_down,
}


def shown(state: PortState, *names: str, port: Port = SFP) -> list[str]:
    files = attributes(port, state)
    return [files[name].strip() for name in names]


def test_healthy_port_is_up_at_its_full_speed() -> None:
    assert shown(PortState(), "operstate", "carrier", "speed", "duplex", "flags") == [
        "up",
        "1",
        "10000",
        "full",
        "0x1003",
    ]


def test_unplugged_port_is_down_with_unknown_speed_and_one_carrier_change() -> None:
    state = PortState().unplug()
    assert shown(state, "operstate", "carrier", "speed", "duplex", "flags") == ["down", "0", "-1", "unknown", "0x1003"]
    assert state.changes == PortState().changes + 1


def test_disabled_port_has_no_readable_carrier_speed_or_duplex() -> None:
    files = attributes(SFP, PortState().disable())
    assert not {"carrier", "speed", "duplex", "dormant"} & files.keys()
    assert (files["operstate"], files["flags"]) == ("down\n", "0x1002\n")


def test_slow_port_is_up_at_a_gigabit_after_losing_its_carrier_once() -> None:
    state = PortState().slow_down()
    assert shown(state, "operstate", "carrier", "speed") == ["up", "1", "1000"]
    assert state.changes == PortState().changes + 2


def test_repeating_a_fault_changes_nothing() -> None:
    for act in ACTIONS.values():
        once = act(PortState())
        assert act(once) == once


@pytest.mark.parametrize("kind", ["tap", "loopback"])
def test_devices_without_a_link_of_their_own_are_in_an_unknown_state(kind: str) -> None:
    port = next(port for port in (*MACHINES[0].ports, *guest_ports(104, "qemu")) if port.kind == kind)
    assert shown(PortState(), "operstate", port=port) == ["unknown"]


@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=20))
def test_carrier_counts_never_fall_and_always_add_up(actions: list[str]) -> None:
    state = PortState()
    ups, downs = (int(count) for count in shown(state, "carrier_up_count", "carrier_down_count"))
    for action in actions:
        state = ACTIONS[action](state)
        new_ups, new_downs = (int(count) for count in shown(state, "carrier_up_count", "carrier_down_count"))
        assert new_ups >= ups
        assert new_downs >= downs
        assert new_ups + new_downs == state.changes
        ups, downs = new_ups, new_downs
    assert state.plug().fault == ""
