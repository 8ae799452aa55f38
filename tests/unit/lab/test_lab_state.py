"""What the lab keeps, and the overlay made of it."""

import io
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.lab import overlay, state
from hune.lab.hardware import MACHINES
from hune.lab.ports import PortState
from hune.site.models import Site

NOW = 1_700_000_000.0


def fresh() -> state.LabState:
    return state.fresh(now=NOW, exporter="/usr/bin/node_exporter", is_free=lambda *_: True)


def test_state_survives_being_kept(tmp_path: Path) -> None:
    lab = fresh()
    node = lab.nodes["pve-02"]
    node.power, node.heat_celsius = "hang", 78.5
    node.ports["enp1s0f0"] = PortState().unplug()
    lab.save(Layout(tmp_path))
    assert state.load(Layout(tmp_path)) == lab


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"exporter": "x"}', "null"])
def test_damaged_state_counts_as_none(tmp_path: Path, content: str) -> None:
    layout = Layout(tmp_path)
    layout.lab.mkdir()
    state.path(layout).write_text(content)
    assert state.load(layout) is None


def test_unknown_power_counts_as_damage(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    fresh().save(layout)
    path = state.path(layout)
    path.write_text(path.read_text().replace('"up"', '"asleep"'))
    assert state.load(layout) is None


def test_nodes_have_been_up_for_different_times() -> None:
    assert len({node.boot_time for node in fresh().nodes.values()}) == len(MACHINES)


def test_a_port_must_be_free_on_every_node() -> None:
    taken = {(MACHINES[1].address, 9100), (MACHINES[2].address, 9101), (MACHINES[0].address, 8006)}
    lab = state.fresh(now=NOW, exporter="x", is_free=lambda address, port: (address, port) not in taken)
    assert (lab.exporter_port, lab.machine_port) == (9102, 8007)


def test_no_free_port_is_told_with_the_range() -> None:
    with pytest.raises(Unavailable, match="no port from 9100 to 9299 is free"):
        state.fresh(now=NOW, exporter="x", is_free=lambda *_: False)


def test_names_that_the_site_has_itself_get_a_prefix() -> None:
    lab = state.fresh(now=NOW, exporter="x", is_free=lambda *_: True, taken=["PVE-03", "nas"])
    names = [node["name"] for node in YAML(typ="safe").load(io.StringIO(overlay.render(lab)))["nodes"]]
    assert names == ["lab-pve-01", "lab-pve-02", "lab-pve-03"]


def test_overlay_is_part_of_a_site() -> None:
    lab = fresh()
    site = Site.model_validate({"name": "here"} | YAML(typ="safe").load(io.StringIO(overlay.render(lab))))
    assert [node.name for node in site.nodes] == ["pve-01", "pve-02", "pve-03"]
    for node, machine in zip(site.nodes, MACHINES, strict=True):
        assert node.lab
        assert node.is_remote
        assert node.kind == "proxmox"
        assert node.alive == f"tcp:{lab.machine_port}"
        assert node.exporter_address == f"{machine.address}:{lab.exporter_port}"
        assert [(link.device, link.speed) for link in node.links] == [("enp1s0f0", 10**10), ("enp1s0f1", 10**10)]
