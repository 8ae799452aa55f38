"""What the exporter tells of itself: upstream's series, and what asking costs Proxmox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hune.collect.pve.source import Api
from hune.pve.access import Endpoint
from hune.pve.client import PveClient

_TARGET_BUCKETS = tuple(10 * bound for bound in Histogram.DEFAULT_BUCKETS)


class ExporterMetrics:
    """The exporter's series, in a registry of their own."""

    def __init__(
        self,
        modules: Sequence[str],
        clients: Callable[[], Iterable[PveClient]],
        *,
        api_metrics: bool = False,
        target_metrics: bool = False,
    ) -> None:
        self.registry = CollectorRegistry()
        self.duration = Summary(
            "pve_collection_duration_seconds", "Time that collections took", ["module"], registry=self.registry
        )
        self.errors = Counter(
            "pve_request_errors", "Requests that could not be answered", ["module"], registry=self.registry
        )
        for module in modules:
            self.duration.labels(module)
            self.errors.labels(module)
        self.collector_failures = Counter(
            "hune_pve_collector_failures",
            "Collections that lacked something",
            ["cluster", "collector"],
            registry=self.registry,
        )
        self.discovered = Gauge(
            "hune_pve_discovered_targets",
            "Targets that were last discovered",
            ["cluster", "kind"],
            registry=self.registry,
        )
        self.left_out = Gauge(
            "hune_pve_discovery_left_out",
            "What was last left out of discovery",
            ["cluster", "kind", "reason"],
            registry=self.registry,
        )
        self._api: tuple[Histogram, Counter] | None = None
        self._target: tuple[Histogram, Counter] | None = None
        if api_metrics:
            labels = ["method", "url"]
            self._api = (
                Histogram("pve_scrape_api_duration_seconds", "Time of API calls", labels, registry=self.registry),
                Counter("pve_scrape_api_errors", "API calls that failed", labels, registry=self.registry),
            )
        if target_metrics:
            labels = ["target", "cluster", "node"]
            self._target = (
                Histogram(
                    "pve_scrape_target_duration_seconds",
                    "Time of scrapes by target",
                    labels,
                    buckets=_TARGET_BUCKETS,
                    registry=self.registry,
                ),
                Counter("pve_scrape_target_errors", "Scrapes of a target that failed", labels, registry=self.registry),
            )
        self.registry.register(_Load(clients))

    def observe_target(self, target: str, *, cluster: bool, node: bool, seconds: float, failed: bool) -> None:
        """Count a scrape of a target, if that is wanted."""
        if self._target is not None:
            labels = (target, str(int(cluster)), str(int(node)))
            self._target[0].labels(*labels).observe(seconds)
            errors = self._target[1].labels(*labels)
            if failed:
                errors.inc()

    def watch(self, api: Api, endpoint: Endpoint) -> Api:
        """Return an API whose calls are timed by URL, if that is wanted."""
        return _Timed(api, f"https://{endpoint}/api2/json", *self._api) if self._api is not None else api


class _Timed:
    def __init__(self, api: Api, base: str, duration: Histogram, errors: Counter) -> None:
        self._api = api
        self._base = base
        self._duration = duration
        self._errors = errors

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        url = self._base + path
        errors = self._errors.labels("GET", url)
        started = time.perf_counter()
        try:
            with errors.count_exceptions():
                return await self._api.get(path, params, node=node)
        finally:
            self._duration.labels("GET", url).observe(time.perf_counter() - started)


class _Load(Collector):
    """Reads the accounts of the clients when it is asked."""

    def __init__(self, clients: Callable[[], Iterable[PveClient]]) -> None:
        self._clients = clients

    def collect(self) -> Iterator[Metric]:
        kinds = ["cluster", "method", "path", "outcome"]
        calls = CounterMetricFamily("hune_pve_api_calls", "Calls of the Proxmox API", labels=kinds)
        seconds = CounterMetricFamily("hune_pve_api_seconds", "Time that Proxmox took for calls", labels=kinds)
        size = CounterMetricFamily("hune_pve_api_answer_bytes", "Bytes that Proxmox answered", labels=kinds)
        not_made = CounterMetricFamily(
            "hune_pve_api_calls_not_made", "Calls for which the budget had no room", labels=["cluster"]
        )
        retries = CounterMetricFamily("hune_pve_api_retries", "Calls made again", labels=["cluster"])
        logins = CounterMetricFamily("hune_pve_api_logins", "Tickets fetched", labels=["cluster"])
        at_once = GaugeMetricFamily("hune_pve_api_concurrency_limit", "Calls that are made at once", labels=["cluster"])
        budget = GaugeMetricFamily(
            "hune_pve_api_budget_calls_per_minute", "Calls a minute that the budget allows", labels=["cluster"]
        )
        for client in self._clients():
            name, account = client.access.name, client.account
            for tally in account.made:
                labels = [name, tally.method, tally.path, tally.outcome]
                calls.add_metric(labels, tally.calls)
                seconds.add_metric(labels, tally.seconds)
                size.add_metric(labels, tally.answer_bytes)
            not_made.add_metric([name], account.not_made)
            retries.add_metric([name], account.retries)
            logins.add_metric([name], account.logins)
            at_once.add_metric([name], int(client.pace.limit))
            if client.budget.per_minute:
                budget.add_metric([name], client.budget.per_minute)
        yield from (calls, seconds, size, not_made, retries, logins, at_once, budget)
