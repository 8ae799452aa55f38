"""Each running guest beside the heat of its host: what the API can't tell, from the node exporter.

A group of its own, every 30 seconds: it looks at all guests, and no alert waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue.proxmox import STATUS
from hune.alerting.promql import NOW, Reading
from hune.alerting.rules.model import Group, Rule

_THIS_SECOND = Reading(window="3s")
_LAST_ROUND = Reading(window="20s")
"""What other groups record at moments of their own: the fast lane, and the group of the alerts."""


def pve_heat() -> Group:
    """Return the group: nothing for a node that isn't measured, nor for a guest that doesn't run."""
    return Group("hune-pve-heat", "30s", tuple(_rules()))


def _rules() -> Iterable[Rule]:
    read = _LAST_ROUND.live("hune:pve_read", collector=STATUS)
    hottest = f"max by (node) ({_THIS_SECOND.live('hune:cpu_celsius:max')})"
    yield Rule(
        f"{NOW.constant('hune:site_pve_node')} * on (node) group_left () {hottest}\n  and on (cluster) {read}",
        record="hune:pve_node_celsius",
    )
    # Those that don't run are few, and left out first.
    yield Rule(
        f"group by (cluster, lab, id, node) (\n"
        f'  pve_guest_info{{job="pve",template="0"}} unless on (cluster, id) {_LAST_ROUND.live("hune:pve_guest_off")}\n'
        f")\n"
        f"* on (cluster, node) group_left () {NOW.live('hune:pve_node_celsius')}",
        record="hune:guest_host_celsius",
    )
