"""What the lab keeps, and the overlay made of it."""

import io
import ssl
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.lab import overlay, state
from hune.lab.hardware import MACHINES
from hune.lab.ports import PortState
from hune.lab.pve import identity
from hune.lab.pve.faults import Fault
from hune.lab.pve.identity import Identity
from hune.site.models import Site

NOW = 1_700_000_000.0


def fresh() -> state.LabState:
    return state.fresh(now=NOW, exporter="/usr/bin/node_exporter", is_free=lambda *_: True)


def rendered(lab: state.LabState, layout: Layout) -> Any:
    proof = Identity("", ":".join(["AB"] * 32), "hune@pve!lab=a-secret", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    text = overlay.render(lab, layout, proof)
    assert "a-secret" not in text
    return YAML(typ="safe").load(io.StringIO(text))


def test_state_survives_being_kept(tmp_path: Path) -> None:
    lab = fresh()
    node = lab.nodes["pve-02"]
    node.power, node.down_since = "hang", NOW - 5
    node.heat(78.5, NOW - 60)
    lab.pve.put(Fault("fill", "pve-01/local-zfs", 96.0, NOW))
    lab.pve.put(Fault("split", "cluster", None, NOW))
    lab.pve.started["104"] = NOW
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


def test_a_dead_machine_without_a_moment_of_death_counts_as_damage(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    lab = fresh()
    lab.nodes["pve-02"].power = "refuse"
    lab.save(layout)
    assert state.load(layout) is None


def test_spells_of_heat_are_forgotten_when_nobody_can_ask_for_them_any_more() -> None:
    node = fresh().nodes["pve-01"]
    node.heat(80.0, NOW)
    node.cool(NOW + 60)
    node.heat(81.0, NOW + 120)
    assert [spell.covers(NOW + moment) for spell in node.spells for moment in (30, 90, 150)] == [
        *(True, False, False),
        *(False, False, True),
    ]
    node.cool(NOW + 4000)
    assert len(node.spells) == 1


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
    found = rendered(lab, Layout(Path("/data")))
    assert [node["name"] for node in found["nodes"]] == ["lab-pve-01", "lab-pve-02", "lab-pve-03"]
    assert found["proxmox"][0]["nodes"] == ["lab-pve-01", "lab-pve-02", "lab-pve-03"]


def test_a_cluster_that_the_site_calls_lab_keeps_its_name() -> None:
    assert fresh().cluster == "lab"
    lab = state.fresh(now=NOW, exporter="x", is_free=lambda *_: True, taken_clusters=["lab"])
    assert lab.cluster == "lab-cluster"


def test_overlay_is_part_of_a_site() -> None:
    lab = fresh()
    layout = Layout(Path('/data/of "somebody": #1'))
    site = Site.model_validate({"name": "here"} | rendered(lab, layout))
    (cluster,) = site.proxmox
    assert cluster.token is not None
    assert cluster.token.secret == f"file:{identity.token_path(layout)}"
    assert (cluster.name, cluster.port, cluster.fingerprint) == ("lab", lab.machine_port, [":".join(["AB"] * 32)])
    assert [node.name for node in site.nodes] == ["pve-01", "pve-02", "pve-03"]
    for node, machine in zip(site.nodes, MACHINES, strict=True):
        assert node.lab
        assert node.is_remote
        assert node.kind == "proxmox"
        assert node.alive == f"tcp:{lab.machine_port}"
        assert node.exporter_address == f"{machine.address}:{lab.exporter_port}"
        assert [(link.device, link.speed) for link in node.links] == [("enp1s0f0", 10**10), ("enp1s0f1", 10**10)]
