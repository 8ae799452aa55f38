"""Questions in PromQL to which two Prometheus must give one answer, about what `ScrapeTarget` serves.

Not about −0: Prometheus sends it as 0.
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

INSTANT = """
up
scrape_samples_scraped
counting{n="7"}
counting{n=~"7|8|1999"}
counting{n=~"19.*", job="target"}
counting{n!~"[0-9]{2,}"}
counting{n!="1", n=~"."}
{__name__=~"odd|ghost", v!="-0"}
{__name__=~"scrape_.+"}
{job="target", __name__!~"counting|odd"}
{n="3"}
{nothing=""  , __name__="up"}
{nothing!=""}
count({instance=~".+"}) by (__name__)
count(counting)
sum(counting)
sum by (job) (counting)
sum without (n) (counting)
avg(counting)
max(counting) - min(counting)
stddev(counting)
quantile(0.9, counting)
topk(5, counting)
bottomk(3, counting{n=~"[1-9].*"})
count_values("v", ghost)
odd{v!="-0"}
odd{v!="-0"} == odd
odd{v!="-0"} * 2
odd{v="NaN"}
absent(odd{v="NaN"})
absent(nothing)
ghost
count(ghost)
ghost or on (n) counting{n=~"1?[0-9]"}
counting{n=~"1?[0-9]"} unless on (n) ghost
counting{n=~"1?[0-9]"} and on (n) ghost
ghost / on (n) counting
counting{n="5"} / ignoring (n) group_left sum without (n) (counting)
rate(counting{n=~"1.."}[5s])
increase(counting{n="1999"}[5s])
irate(counting[5s])
delta(counting{n="4"}[6s])
deriv(counting{n="4"}[6s])
predict_linear(counting{n="4"}[6s], 60)
changes(ghost[6s])
resets(counting{n=~"2.."}[6s])
count_over_time(ghost[6s])
last_over_time(ghost[6s])
present_over_time(ghost[6s])
avg_over_time(counting{n="9"}[4s])
min_over_time(odd{v!="-0"}[5s])
stddev_over_time(counting{n="9"}[5s])
sum_over_time(up[6s])
absent_over_time(nothing[6s])
quantile_over_time(0.5, counting{n="9"}[6s])
max_over_time(rate(counting{n="9"}[3s])[4s:1s])
histogram_quantile(0.9, rate(took_seconds_bucket[5s]))
histogram_quantile(0.5, sum by (le) (took_seconds_bucket))
label_replace(counting{n="9"}, "m", "x$1", "n", "(.*)")
counting{n="9"} offset 3s
timestamp(counting{n="9"})
sort_desc(counting{n=~"[1-5]"})
clamp_max(counting{n=~"[1-5]"}, 20)
counting{n="9"} > bool 3
scalar(counting{n="9"})
vector(1)
""".strip().splitlines()

RANGE = [
    "up",
    "ghost",
    'odd{v!="-0"}',
    "count(ghost)",
    "sum(rate(counting[4s]))",
    'counting{n=~"1?[0-9]"}',
    "changes(ghost[3s])",
    "histogram_quantile(0.9, rate(took_seconds_bucket[4s]))",
]


def answers(url: str, *, start: float, end: float) -> dict[str, Any]:
    """Return what a Prometheus says to all questions: once at `end`, some from `start` on."""
    found = {one: _ask(f"{url}/api/v1/query", query=one, time=str(end)) for one in INSTANT}
    for one in RANGE:
        found[f"{one} over time"] = _ask(
            f"{url}/api/v1/query_range", query=one, start=str(start), end=str(end), step="0.7"
        )
    return found


def _ask(address: str, **form: str) -> Any:
    with urllib.request.urlopen(address, urllib.parse.urlencode(form).encode(), timeout=60) as answer:
        result = json.load(answer)["data"]["result"]
    # Sorted but where the order is the answer.
    return result if "sort" in form["query"] else sorted(result, key=json.dumps)
