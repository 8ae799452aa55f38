"""Every 15 seconds: what Hune's engines and services tell of themselves, and of the alerts in their hands.

Each rule waits long enough that a restart, a reload, or one request that fails tells nobody: the conductor starts again
what dies, and what failed once is tried again. Series are read bare, but only while the scrape they came with is young.
"""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue.own import FAULTS, SERVICES
from hune.alerting.promql import last_said, one_of
from hune.alerting.rules.model import Group, Rule
from hune.alerting.rules.own_held import fault, of, of_job, value_of
from hune.alerting.rules.own_stores import stores
from hune.site.models import Site

_CONFIGURED = ("prometheus", "alertmanager", "blackbox_exporter")
_DISK_FAILURES = (
    "compactions_failed",
    "head_truncations_failed",
    "checkpoint_creations_failed",
    "checkpoint_deletions_failed",
    "wal_writes_failed",
    "wal_truncations_failed",
    "reloads_failures",
)
_TOO_MUCH = (
    "scrapes_exceeded_sample_limit",
    "scrapes_exceeded_body_size_limit",
    "scrape_pool_exceeded_label_limits",
    "scrape_pool_exceeded_target_limit",
)


def own(site: Site) -> Group:
    """Return the group about Hune itself."""
    rules = [_reads(site), *_services(site), *_rules(site), *_prometheus(site), *_handing_on(site), *_hub(site)]
    return Group("hune-own", "15s", (*rules, *stores(site)))


def _jobs(site: Site) -> str:
    return f"job=~{one_of(name for name in SERVICES if site.wants(name))}"


def _reads(site: Site) -> Rule:
    up = f"up{{{_jobs(site)}}}"
    return Rule(
        f"group by (service) ({of_job(f'{up} == 1 and timestamp({up}) > time() - 40')})\n"
        f"and on (service) {last_said('hune:site_service')}",
        record="hune:own_read",
    )


def _services(site: Site) -> Iterable[Rule]:
    # Of what every alert comes through, hub and conductor tell: by this way it would come when it is over.
    on_the_way = {"hub"} if site.engines.alertmanager.others else {"hub", "alertmanager"}
    told = f"up{{job=~{one_of(name for name in SERVICES if site.wants(name) and name not in on_the_way)}}}"
    yield from fault(site, "ServiceDown", of_job(f"{told} == 0"), wait="2m", measures=of_job(told))
    refused = " or ".join(f"{metric}_config_last_reload_successful{{{_jobs(site)}}} == 0" for metric in _CONFIGURED)
    yield from fault(site, "ConfigurationRefused", of_job(refused), wait="1m")


def _rules(site: Site) -> Iterable[Rule]:
    # One that fails does so each time; a single failure is a target that changes.
    yield from fault(
        site,
        "RulesFailing",
        f"{_by_group(_grown('rule_evaluation_failures', '5m'))} > 0",
        fires=lambda wrong: f"{wrong} > 2",
        wait="1m",
        value=value_of("RulesFailing"),
    )
    missed, due = (_grown(f"rule_group_iterations{what}", "5m") for what in ("_missed", ""))
    late = _by_group(f"100 * {missed} / {due}")
    # Longer than the window: a machine that slept misses many at once, and then none.
    yield from fault(
        site,
        "RulesLate",
        f"{late} > {FAULTS['RulesLate'].limit} / 2",
        fires=lambda wrong: f"{wrong} > {FAULTS['RulesLate'].limit}",
        wait="10m",
        measures=late,
        value=value_of("RulesLate"),
    )


def _grown(what: str, window: str) -> str:
    return f'increase(prometheus_{what}_total{{job="prometheus"}}[{window}])'


def _by_group(expr: str) -> str:
    """Return an expression by the bare names of groups; Prometheus puts the file's path before them."""
    # Files may have groups of the same name, of which one label would be an error.
    named = f'label_replace({expr}, "group", "$1", "rule_group", ".*;(.+)")'
    return f'label_replace(max by (group) ({named}), "rule_group", "$1", "group", "(.+)")'


def _prometheus(site: Site) -> Iterable[Rule]:
    refused = _sum(_grown(f"target_{what}", "10m") for what in _TOO_MUCH)
    yield from fault(
        site, "ScrapesRefused", f"{of('prometheus', refused)} > 0", wait="2m", value=value_of("ScrapesRefused")
    )
    failed = _sum(_grown(f"tsdb_{what}", "15m") for what in _DISK_FAILURES)
    yield from fault(
        site,
        "PrometheusDiskFailing",
        f"{of('prometheus', failed)} > 0",
        wait="1m",
        value=value_of("PrometheusDiskFailing"),
    )
    # It looks for damage when it starts, and counts from then on.
    damaged = (
        'prometheus_tsdb_wal_corruptions_total{job="prometheus"}'
        ' and on (instance) process_start_time_seconds{job="prometheus"} > time() - 3600'
    )
    yield from fault(
        site, "PrometheusDamaged", f"{of('prometheus', f'sum({damaged})')} > 0", value=value_of("PrometheusDamaged")
    )


def _sum(parts: Iterable[str]) -> str:
    """Return the sum of several; a version of an engine may lack some of them."""
    each = (f'label_replace(sum({part}), "part", "{number}", "", "")' for number, part in enumerate(parts))
    return "sum(\n  " + "\n  or ".join(each) + "\n)"


def _handing_on(site: Site) -> Iterable[Rule]:
    ways = {
        "prometheus": ("alertmanager", "prometheus_notifications_errors_total"),
        "alertmanager": ("hub", "alertmanager_notification_requests_failed_total"),
    }
    failures = " or ".join(
        of(sender, f'sum(increase({failed}{{job="{sender}"}}[2m]))') for sender, (_, failed) in ways.items()
    )
    # That nobody is there to take them is told by itself.
    absent = " or ".join(of(sender, f'max(up{{job="{taker}"}}) == 0') for sender, (taker, _) in ways.items())
    yield from fault(
        site,
        "AlertsRefused",
        f"({failures}) > 0",
        fires=lambda wrong: f"({wrong} unless on (service) ({absent}))",
        wait="5m",
        value=value_of("AlertsRefused"),
    )


def _hub(site: Site) -> Iterable[Rule]:
    waiting = 'hune_hub_outbox_oldest_seconds{job="hub"}'
    yield from fault(
        site,
        "ReceiverFailing",
        f"{waiting} > {FAULTS['ReceiverFailing'].limit}",
        wait="1m",
        measures=waiting,
        value=value_of("ReceiverFailing"),
    )
    yield from fault(
        site, "MessagesRefused", 'hune_hub_dead_letters{job="hub"} > 0', wait="1m", value=value_of("MessagesRefused")
    )
    # What it keeps grows into the reserve; above this it is filled again, as long as the disk has room.
    left = of_job('hune_hub_reserve_bytes{job="hub"}')
    yield from fault(
        site,
        "HubDiskFull",
        f"{left} < {FAULTS['HubDiskFull'].limit} * 1e6",
        wait="1m",
        measures=left,
        value=value_of("HubDiskFull", "%.1f"),
    )
    failed, done = (
        f'sum(rate(hune_hub_reconciliations_total{{job="hub",outcome="{outcome}"}}[2m])) > 0'
        for outcome in ("failed", "done")
    )
    yield from fault(site, "HubBlind", of("hub", f"({failed} unless {done})"), wait="3m")
