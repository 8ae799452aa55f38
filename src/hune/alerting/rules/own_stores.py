"""The alerts about the stores: whether samples get there, and whether they can be kept."""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue import firing
from hune.alerting.catalogue.own import FAULTS
from hune.alerting.promql import NOW, one_of
from hune.alerting.rules.held import looked_up
from hune.alerting.rules.model import Rule
from hune.alerting.rules.own_held import fault, of, of_job, value_of
from hune.site.models import Site

_DAYS_OF_GROWTH = 3


def stores(site: Site) -> Iterable[Rule]:
    """Return the rules about the stores."""
    return [*_writing(site), *_room(site), *(_database(site) if site.wants("timescale") else ())]


def _writing(site: Site) -> Iterable[Rule]:
    # What was never sent since a start is as old as that.
    began = 'scalar(max(process_start_time_seconds{job="prometheus"}))'
    newest = 'scalar(max(prometheus_remote_storage_highest_timestamp_in_seconds{job="prometheus"}))'
    sent = f"clamp_min({_queue(site, 'queue_highest_sent_timestamp_seconds')}, {began})"
    lag = _of_queue(f"{newest} - {sent}")
    yield from fault(
        site,
        "StoreBehind",
        f"{lag} > {FAULTS['StoreBehind'].limit} / 5",
        fires=lambda wrong: f"{wrong} > {FAULTS['StoreBehind'].limit}",
        wait="10m",
        measures=lag,
        value=value_of("StoreBehind"),
    )
    yield from fault(
        site,
        "StoreLosing",
        _of_queue(f"increase({_queue(site, 'samples_failed_total')}[15m]) > 0"),
        wait="1m",
        value=value_of("StoreLosing"),
    )
    complete = 'hune_store_complete_timestamp_seconds{job="hub"}'
    age = f'label_replace((time() - {complete}) / 3600, "service", "$1", "store", "(.+)")'
    yield from fault(
        site,
        "StoreIncomplete",
        f"{age} > {FAULTS['StoreIncomplete'].limit}",
        wait="30m",
        measures=age,
        value=value_of("StoreIncomplete", "%.1f"),
    )


def _queue(site: Site, metric: str) -> str:
    """Return the selector of a series of the queues that Hune names."""
    names = one_of(["store", *(["timescale"] if site.wants("timescale") else [])])
    return f'prometheus_remote_storage_{metric}{{job="prometheus",remote_name=~{names}}}'


def _of_queue(expr: str) -> str:
    """Return an expression with the label `service`: the store that a queue leads to."""
    named = f'label_replace({expr}, "service", "$1", "remote_name", "(.+)")'
    return f'label_replace({named}, "service", "victoriametrics", "remote_name", "store")'


def _room(site: Site) -> Iterable[Rule]:
    def said(metric: str) -> str:
        return f'vm_{metric}{{job="victoriametrics"}}'

    least = f"{FAULTS['StoreShort'].limit} * 1e9"
    left = of("victoriametrics", f"min({said('free_disk_space_bytes')} - {said('free_disk_space_limit_bytes')})")
    taken = said("data_size_bytes")
    growth = f"clamp_min({_DAYS_OF_GROWTH} * (sum({taken}) - sum({taken} offset 1d)), {least})"
    # Merges need room too: as much as a few days bring, and never too little.
    yield Rule(of("victoriametrics", f"({growth} or vector({least}))"), record="hune:store_room_bytes")
    needed = f"on (service) {NOW.live('hune:store_room_bytes')}"
    yield from fault(
        site,
        "StoreShort",
        f"{left} < {needed} * 1.1",
        fires=lambda wrong: f"({wrong} < {needed}{_unless_told(site)})",
        wait="5m",
        measures=left,
        value=value_of("StoreShort", "%.1f"),
        threshold=looked_up("hune:store_room_bytes", "service", times=" / 1e9"),
    )
    yield from fault(site, "StoreReadOnly", of_job(f"{said('storage_is_read_only')} == 1"), wait="1m")


def _unless_told(site: Site) -> str:
    """Return what leaves out a disk of this machine: its node exporter tells of it, in the words of the machine."""
    if site.part("victoriametrics").url or all(node.is_remote for node in site.nodes):
        return ""
    here = NOW.constant("hune:site_node", remote="false")
    told = " or ".join(f"{firing(name)} and on (node) {here}" for name in ("FilesystemFilling", "FilesystemFull"))
    return f" unless on () ({told})"


def _database(site: Site) -> Iterable[Rule]:
    yield from fault(site, "DatabaseDown", of_job('hune_store_database_up{job="timescale"} == 0'), wait="2m")
