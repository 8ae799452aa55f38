"""Every 15 seconds: Proxmox VE as its exporter sees it. What was read, and the alerts about clusters and nodes."""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue.proxmox import SCRAPE, STATUS
from hune.alerting.promql import NOW
from hune.alerting.rules.held import remembered
from hune.alerting.rules.model import Group, Rule
from hune.alerting.rules.pve_guests import guests
from hune.alerting.rules.pve_held import (
    BOOTING,
    GUEST,
    SITE,
    problem,
    recently,
    unless_machine_is_down,
    value_of,
    was_read,
)
from hune.alerting.rules.pve_storage import storage
from hune.site.models import Site

_HA = 'hune_pve_ha_service_state{job="pve-hune"'


def pve(site: Site) -> Group:
    """Return the group of the site's Proxmox VE clusters."""
    rules = [*_reads(), *_api(site), *_members(site), *_services(site), *_ha(site), *guests(site), *storage(site)]
    return Group("hune-pve", "15s", tuple(rules))


def _reads() -> Iterable[Rule]:
    """Return what proves that something was read: from scrapes of the last two intervals, the constants being there."""
    known = f"and on (cluster) {NOW.constant('hune:site_pve')} and on () {NOW.constant('hune:site_loaded')}"
    answered, up = 'up{job="pve-hune"} == 1', 'pve_up{job="pve",id=~"node/.+"}'
    yield Rule(
        f'max by (cluster, lab) ({answered} and timestamp(up{{job="pve-hune"}}) > time() - 75)\n  {known}',
        record="hune:pve_read",
        labels={"collector": SCRAPE},
    )
    # The status of nodes and guests comes as a whole or not at all.
    yield Rule(
        f"group by (cluster, lab) (timestamp({up}) > time() - 40)\n  {known}",
        record="hune:pve_read",
        labels={"collector": STATUS},
    )
    yield Rule(
        f'group by (cluster, lab, collector) (pve_collector_success{{job="pve-hune"}} == 1)\n'
        f"  and on (cluster) {was_read(SCRAPE)}",
        record="hune:pve_read",
    )
    yield Rule(
        f'max by (cluster, lab, node) (hune_pve_node_online{{job="pve-hune"}})\n  and on (cluster) {was_read(SCRAPE)}',
        record="hune:pve_node_online",
    )


def _api(site: Site) -> Iterable[Rule]:
    asked = 'up{job="pve-hune"}[75s]'
    alive = f"{NOW.constant('hune:site_pve_node')} unless on (node) {recently('NodeDown', '2m')}"
    yield from problem(
        site,
        "PveApiSilent",
        f"{SITE} and on (cluster) (\n"
        f"  max by (cluster) (max_over_time({asked})) == 0\n"
        f"  and max by (cluster) (count_over_time({asked})) >= 2\n"
        f")",
        # That all nodes are down was told already, and says more; so does it that nobody is there to ask.
        fires=lambda wrong: f'({wrong} and on (cluster) ({alive}) unless on () (up{{job="pve-exporter"}} == 0))',
    )
    yield from problem(
        site,
        "PveCollectorFailing",
        'pve_collector_success{job="pve-hune"} == 0',
        wait="30m",
        measures='pve_collector_success{job="pve-hune"}',
    )
    calls = "60 * sum by (cluster) (rate(hune_pve_api_calls_total[5m]))"
    budget = "max by (cluster) (last_over_time(hune_pve_api_budget_calls_per_minute[1m]))"
    load = f"{SITE} * on (cluster) group_left () (100 * {calls} / {budget})"
    yield from problem(
        site,
        "PveApiBusy",
        f"{load} > 85",
        fires=lambda wrong: f"{wrong} > 95",
        wait="10m",
        measures=load,
        value=value_of("PveApiBusy", form="%.0f"),
        threshold="95",
        budget=remembered("hune_pve_api_budget_calls_per_minute", "cluster", form="%.0f"),
    )


def _members(site: Site) -> Iterable[Rule]:
    quorum, device = 'pve_up{job="pve",id=~"cluster/.+"}', 'hune_pve_quorum_qdevice_connected{job="pve-hune"}'
    yield from problem(site, "PveQuorumLost", f"{quorum} == 0", measures=quorum)
    yield from problem(site, "PveQdeviceDown", f"{device} == 0", wait="1m", measures=device)
    quorate = 'hune_pve_quorum_quorate{job="pve-hune"} == 1'
    yield from problem(
        site,
        "PveNodeOffline",
        f"{NOW.live('hune:pve_node_online')} == 0",
        # Who has no quorum sees nobody else; and a node that is down, or boots after that, was told already.
        fires=lambda wrong: f"({wrong} and on (cluster) ({quorate}) {unless_machine_is_down(site, '3m')})",
        wait="30s",
        measures=NOW.live("hune:pve_node_online"),
    )


def _services(site: Site) -> Iterable[Rule]:
    running = 'hune_pve_service_running{job="pve-hune"}'
    # Corosync is enabled where it has no cluster to run in: only what ran lately is missed.
    yield from problem(
        site,
        "PveServiceDown",
        f'{running} == 0 and on (cluster, node, service) hune_pve_service_enabled{{job="pve-hune"}} == 1',
        fires=lambda wrong: (
            f"({wrong} and on (cluster, node, service) max_over_time({running}[1d]) == 1"
            f" unless on (cluster, node) ({BOOTING}))"
        ),
        seen=running,
        wait="2m",
        measures=running,
    )


def _ha(site: Site) -> Iterable[Rule]:
    yield from problem(site, "PveNodeFenced", 'hune_pve_ha_fencing{job="pve-hune"} == 1')
    every = f"{_HA}}}"
    yield from problem(site, "HaServiceFailed", f'{_HA},state="error"}}', measures=every, guest=GUEST)
    yield from problem(
        site,
        "HaServiceRecovering",
        f'{_HA},state=~"fence|recovery"}}',
        # That a node is fenced says it of all its guests.
        fires=lambda wrong: f"({wrong} unless on (cluster) max_over_time(hune:pve_wrong:PveNodeFenced[10m]))",
        measures=every,
        guest=GUEST,
    )
