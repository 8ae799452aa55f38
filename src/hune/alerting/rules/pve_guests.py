"""Alerts about guests: down, unprotected, their backups and replications."""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue.proxmox import STATUS
from hune.alerting.promql import NOW, last_said
from hune.alerting.rules.held import looked_up
from hune.alerting.rules.model import Rule
from hune.alerting.rules.pve_held import (
    BOOTING,
    GUEST,
    LATELY_OFFLINE,
    OFFLINE,
    problem,
    reasons,
    told,
    unless_machine_is_down,
    value_of,
    was_read,
)
from hune.alerting.words.proxmox import REASONS
from hune.site.models import Site

_GUESTS = 'job="pve",id=~"(qemu|lxc)/.+"'
_HA = 'hune_pve_ha_service_state{job="pve-hune"'
_BUSY = 'max_over_time(hune_pve_guest_busy{job="pve-hune"}[2m])'
_BACKUP = f'(max_over_time(pve_lock_state{{{_GUESTS},state="backup"}}[2m]) == 1)'
_ON_GUEST = "on (cluster, id)"


def guests(site: Site) -> Iterable[Rule]:
    """Return the rules about guests."""
    return [*_down(site), *_protection(site), *_replication(site)]


def _down(site: Site) -> Iterable[Rule]:
    # Each look at all guests costs: these are the few that don't run, and whoever isn't among them does, or is deleted.
    # For its backup one is started, and none of its processors: it runs no more than before.
    yield Rule(
        f"group by (cluster, lab, id) (\n"
        f"  pve_up{{{_GUESTS}}} == 0\n"
        f"  or {_ON_GUEST} hune:pve_guest_off and {_ON_GUEST} {_BACKUP}\n"
        f")\n"
        f"and on (cluster) {was_read(STATUS)}",
        record="hune:pve_guest_off",
    )
    off = NOW.live("hune:pve_guest_off")
    runs = f"and on (cluster) {was_read(STATUS)} unless {_ON_GUEST} {off}"
    stopped = 'hune_pve_guest_stopped_timestamp_seconds{job="pve-hune"}'
    # The list of tasks that says so is short: what it said once is remembered until the guest runs.
    yield Rule(
        f"group by (cluster, id) ({stopped} > 0)\n"
        f"or hune:pve_guest_stopped unless {_ON_GUEST} (hune:pve_guest_stopped {runs})"
        f" unless {_ON_GUEST} ({stopped} == 0)"
        f" and on (cluster) {last_said('hune:site_pve')}",
        record="hune:pve_guest_stopped",
    )
    starts = 'hune_pve_guest_config_info{job="pve-hune",onboot="1"}'
    yield Rule(
        f"max by (cluster, lab, id, node) (\n"
        f'  {starts} unless {_ON_GUEST} {_HA},requested=~"stopped|disabled"}}\n'
        f'  or {_HA},requested="started"}}\n'
        f")\n"
        f"and {_ON_GUEST} {off}\n"
        f'unless {_ON_GUEST} pve_guest_info{{{_GUESTS},template="1"}}\n'
        f"unless {_ON_GUEST} {NOW.live('hune:pve_guest_stopped')}",
        record="hune:pve_guest_down",
    )
    # One whose node doesn't say how it does has no uptime: that is unknown, not down.
    down = f"{NOW.live('hune:pve_guest_down')} and {_ON_GUEST} (pve_uptime_seconds{{{_GUESTS}}} == 0)"
    explained = "\n".join(
        (
            f"unless on (cluster, node) ({OFFLINE})",
            f"unless on (cluster, node) ({BOOTING})",
            unless_machine_is_down(site, "5m"),
            f"unless {_ON_GUEST} {_BUSY}",
            f'unless {_ON_GUEST} (pve_lock_state{{{_GUESTS},state="suspended"}} == 1)',
            f'unless {_ON_GUEST} {_HA},state!="started"}}',
        )
    )
    yield from problem(
        site,
        "GuestDown",
        NOW.live("hune:pve_guest_down"),
        fires=lambda wrong: f"({wrong} and {_ON_GUEST} (\n    {down}\n    {explained}\n  ))",
        seen=f"{told('GuestDown', '15m')} {runs}",
        measures=f"pve_up{{{_GUESTS}}}",
        wait="1m",
        guest=GUEST,
    )


def _protection(site: Site) -> Iterable[Rule]:
    said = 'hune_guest_protection{job="pve-hune",aspect='
    protected = 'hune_guest_protected{job="pve-hune"}'
    unprotected = f"{protected} == 0"
    late = f'{said}"fresh",state=~"late|none"}} and {_ON_GUEST} {said}"covered",state=~"ok|partial"}}'
    fine = f'{said}"verdict",state!~"unprotected|unknown"}}'

    def unknown(name: str) -> str:
        """Only of those that were told: an alert doesn't end because nothing is known any more."""
        return f'{said}"verdict",state="unknown"}} and {_ON_GUEST} {told(name, "5m")}'

    yield from problem(
        site,
        "GuestUnprotected",
        f"{unprotected} unless {_ON_GUEST} ({late})\nor {unknown('GuestUnprotected')}",
        fires=lambda wrong: f"({wrong} and {_ON_GUEST} ({unprotected}))",
        seen=fine,
        wait="1m",
        measures=protected,
        guest=GUEST,
        reasons=reasons(REASONS[site.language]),
    )
    yield from problem(
        site,
        "BackupLate",
        f"{unprotected} and {_ON_GUEST} ({late})\nor {unknown('BackupLate')}",
        # The backup that is being made now is what was missing.
        fires=lambda wrong: (
            f"({wrong} and {_ON_GUEST} ({unprotected})"
            f' unless {_ON_GUEST} max_over_time(hune_pve_guest_busy{{job="pve-hune",reason="backup"}}[2m]))'
        ),
        seen=fine,
        wait="1m",
        measures=protected,
        guest=GUEST,
        reasons=reasons(REASONS[site.language]),
    )
    backups = 'hune_pve_backups_failing{job="pve-hune"}'
    yield from problem(
        site,
        "BackupFailed",
        f"{backups} > 0",
        measures=backups,
        value=value_of("BackupFailed", form="%.0f"),
    )


def _replication(site: Site) -> Iterable[Rule]:
    enabled = 'hune_pve_replication_enabled{job="pve-hune"} == 1'
    on = "on (cluster, node, id, target)"
    failures = 'hune_pve_replication_failures{job="pve-hune"}'
    failing = f"{failures} > 0"
    yield from problem(
        site,
        "ReplicationFailing",
        f"{failing} and {on} ({enabled})",
        # Nothing can be copied onto a node that is down.
        fires=lambda wrong: (
            f'({wrong} unless on (cluster, target) label_replace({LATELY_OFFLINE}, "target", "$1", "node", "(.*)"))'
        ),
        measures=failures,
        value=value_of("ReplicationFailing", form="%.0f"),
        guest=GUEST,
        error=_ERROR,
    )
    limit = NOW.constant("hune:site_pve_replication_age_hours")
    age = '(time() - hune_pve_replication_last_sync_timestamp_seconds{job="pve-hune"}) / 3600'
    yield from problem(
        site,
        "ReplicationLate",
        f"{age} > on (cluster) group_left () {limit}\nand {on} ({enabled})\nunless {on} ({failing})",
        measures=age,
        value=value_of("ReplicationLate"),
        threshold=looked_up("hune:site_pve_replication_age_hours", "cluster"),
        guest=GUEST,
    )


_ERROR = (
    '{{ with printf `hune_pve_replication_error_info{job="pve-hune",cluster=%q,id=%q,target=%q}`'
    " $labels.cluster $labels.id $labels.target | query }}{{ . | first | label `error` }}{{ end }}"
)
