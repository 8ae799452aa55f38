"""Questions in PromQL about the lab, to which two Prometheus must give one answer."""

from __future__ import annotations

import json
import math
import urllib.parse
import urllib.request
from typing import Any

_QUESTIONS = """
up{job="node"}
up{job="node", lab="true"} == 0
count by (job) ({__name__=~".+", job!~"node-fast|node-alive", __name__!~"hune:.*"})
count({job="node"}) by (node)
count({job="node", __name__=~"node_network_.*"}) by (__name__)
{job="node", node="pve-01", __name__=~"node_load[0-9]+"}
{job="node", __name__=~"node_memory_(MemFree|MemTotal|Cached)_bytes"}
node_hwmon_temp_celsius{job="node"}
max by (node) (node_hwmon_temp_celsius{job="node"})
min by (node, chip) (node_hwmon_temp_celsius{job="node"})
avg by (node) (node_hwmon_temp_celsius{job="node"})
topk(3, node_hwmon_temp_celsius{job="node", lab="true"})
bottomk(2, node_load1{job="node"})
quantile(0.9, node_hwmon_temp_celsius{job="node"})
stddev(node_load1{job="node"})
sum by (node, mode) (rate(node_cpu_seconds_total{job="node"}[1m]))
1 - avg by (node) (rate(node_cpu_seconds_total{job="node", mode="idle"}[2m]))
sum without (cpu) (increase(node_cpu_seconds_total{job="node"}[2m]))
irate(node_context_switches_total{job="node"}[1m])
rate(node_network_receive_bytes_total{job="node", device!="lo"}[1m]) * 8
sum by (node) (rate(node_network_transmit_bytes_total{job="node"}[1m]))
delta(node_hwmon_temp_celsius{job="node", node="pve-02"}[3m])
deriv(node_memory_MemFree_bytes{job="node"}[2m])
predict_linear(node_filesystem_avail_bytes{job="node"}[2m], 3600)
changes(node_boot_time_seconds{job="node"}[5m])
resets(node_context_switches_total{job="node"}[5m])
node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes
node_memory_MemTotal_bytes{job="node"} - on (node) node_memory_MemFree_bytes
node_filesystem_avail_bytes{job="node"} / ignoring (nothing) node_filesystem_size_bytes{job="node"} < 0.9
count_over_time(up{job="node"}[5m])
sum_over_time(up{job="node"}[5m])
avg_over_time(node_load1{job="node"}[5m])
min_over_time(node_hwmon_temp_celsius{job="node"}[5m])
max_over_time(node_hwmon_temp_celsius{job="node"}[5m])
stddev_over_time(node_load5{job="node"}[4m])
quantile_over_time(0.5, node_load1{job="node"}[4m])
last_over_time(node_hwmon_temp_celsius{job="node"}[5m])
present_over_time(node_load1{job="node", node="pve-03"}[5m])
absent_over_time(node_load1{job="node", node="pve-99"}[5m])
absent(up{job="nothing"})
max_over_time(rate(node_context_switches_total{job="node"}[1m])[4m:15s])
count_values("speed", node_network_speed_bytes{job="node"})
node_network_up{job="node"} unless on (node) node_load1{node="pve-01"}
node_network_up{job="node"} and on (node) node_load1{node="pve-02"}
node_load1{job="node"} or node_load5{job="node"}
node_load1{job="node"} > bool 0.5
clamp_max(node_load1{job="node"}, 0.1)
label_replace(up{job="node"}, "short", "$1", "node", "pve-(.*)")
sort_desc(node_load1{job="node"})
node_load1{job="node"} offset 1m
timestamp(up{job="node"})
scalar(count(up{job="node"}))
histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[2m])))
histogram_quantile(0.5, rate(prometheus_http_response_size_bytes_bucket{handler="/metrics"}[2m]))
ALERTS{alertstate="firing"}
count(ALERTS) by (alertname)
go_goroutines
rate(prometheus_tsdb_head_samples_appended_total[1m])
sum by (le) (prometheus_tsdb_compaction_chunk_size_bytes_bucket)
prometheus_tsdb_head_series
""".strip().splitlines()

_OVER_TIME = (
    'up{job="node"}',
    'node_hwmon_temp_celsius{job="node"}',
    'sum by (node) (rate(node_cpu_seconds_total{job="node"}[1m]))',
    'count({job="node"}) by (node)',
    'ALERTS{lab="true"}',
)


def different(here: str, there: str, *, start: float, end: float) -> tuple[int, dict[str, tuple[Any, Any]]]:
    """Return how many questions were asked of two Prometheus, and those that they answer in different ways.

    Floating-point sums depend on the order of what is added; so they may differ in the last bits.
    """
    asked = [(one, "query", {"time": repr(end)}) for one in _QUESTIONS]
    window = {"start": repr(start), "end": repr(end), "step": "7"}
    asked += [(one, "query_range", window) for one in _OVER_TIME]
    answers = {
        f"{one} ({kind})": tuple(_ask(f"{url}/api/v1/{kind}", query=one, **form) for url in (here, there))
        for one, kind, form in asked
    }
    return len(answers), {question: (a, b) for question, (a, b) in answers.items() if not _alike(a, b)}


def _ask(address: str, **form: str) -> Any:
    with urllib.request.urlopen(address, urllib.parse.urlencode(form).encode(), timeout=120) as answer:
        result = json.load(answer)["data"]["result"]
    return result if "sort" in form["query"] else sorted(result, key=lambda row: json.dumps(row, sort_keys=True))


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if one == other:
        return True
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-12)
    except (TypeError, ValueError):
        return False
