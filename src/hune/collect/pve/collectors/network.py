"""Network interfaces as they are configured: what should be up, beside the link state that the node exporter sees.

hune_pve_network_interface_active{node="pve-01",device="eno1"} 1
hune_pve_network_interface_info{node="pve-01",device="bond0",type="bond",bond_mode="802.3ad",…} 1
hune_pve_network_member{node="pve-01",device="bond0",member="eno1"} 1
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family

_PATH = "/nodes/{node}/network"
_PRIVILEGE = "Sys.Audit on /nodes/{node}"
_TTL_SECONDS = 60.0


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_network_{name}", "gauge", text, ("node", "device", *labels), _PATH, _PRIVILEGE)


_INFO = _gauge(
    "interface_info",
    "How an interface is configured; vlan_aware is 1 on a bridge that knows VLANs.",
    "type",
    "method",
    "cidr",
    "bond_mode",
    "vlan_id",
    "vlan_aware",
)
_ACTIVE = _gauge("interface_active", "1 if the interface is up, 0 if it is configured but down.")
_AUTOSTART = _gauge("interface_autostart", "1 if the interface comes up at boot, else 0.")
_MEMBER = _gauge(
    "member",
    "1 for each interface within another: a slave of a bond, a port of a bridge, the device under a VLAN.",
    "member",
)
_MTU = _gauge("interface_mtu_bytes", "Configured MTU; absent where the default applies.")
_MEMBERS = ("slaves", "bridge_ports", "ovs_bonds", "ovs_ports", "vlan-raw-device")


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/network` into samples. Raises BadAnswer."""
    for interface in records(answer, _PATH.format(node=node)):
        device = interface.text("iface")
        out.add(
            _INFO,
            1,
            node,
            device,
            interface.text("type", "unknown"),
            interface.text("method", ""),
            interface.text("cidr", "") or interface.text("cidr6", ""),
            interface.text("bond_mode", ""),
            interface.text("vlan-id", ""),
            int(interface.flag("bridge_vlan_aware", False)) if "bridge_ports" in interface else "",
        )
        out.add(_ACTIVE, interface.flag("active", False), node, device)
        out.add(_AUTOSTART, interface.flag("autostart", False), node, device)
        if "mtu" in interface:
            out.add(_MTU, interface.amount("mtu"), node, device)
        members = {name for field in _MEMBERS for name in interface.text(field, "").split() if name != "none"}
        for member in sorted(members):
            out.add(_MEMBER, 1, node, device, member)


async def collect(run: Collection) -> None:
    """Ask each node for its interfaces."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)


COLLECTOR = Collector(
    name="network",
    scope="cluster",
    families=(_INFO, _ACTIVE, _AUTOSTART, _MTU, _MEMBER),
    needs=(Needs("Sys.Audit", "/nodes"),),
    collect=collect,
)
