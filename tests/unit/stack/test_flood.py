"""A node that names its series anew again and again is found, and asked no more."""

import asyncio
import json

import pytest

from hune.core.errors import Refused
from hune.promapi.prometheus import Sample
from hune.stack.flood import FloodWatch, without
from hune.stack.model import File, Plan
from support.stepped_clock import SteppedClock


class Answers:
    """Prometheus, to which some nodes tell series in job `node-fast`; `different` None: too many to count."""

    def __init__(self, different: int | None) -> None:
        self.asked: list[str] = []
        self._different = different

    async def __call__(self, expression: str) -> list[Sample]:
        self.asked.append(expression)
        if "node-fast" not in expression:
            return []
        if expression.startswith("sum"):
            return [Sample({"node": "pve-01"}, 50_000, 0)]
        if self._different is None:
            raise Refused("query processing would load too many samples into memory")
        return [Sample({}, self._different, 0)] if self._different else []


@pytest.mark.parametrize("different", [3_001, None])
def test_node_that_tells_ever_new_series_is_found(different: int | None) -> None:
    client = Answers(different)
    [(node, why)] = asyncio.run(FloodWatch(SteppedClock()).offenders(client)).items()
    assert (node, why) == ("pve-01", "more than 3,000 different series within an hour (job node-fast)")
    assert '{job="node-fast",node="pve-01"}' in client.asked[-1]


def test_exporter_that_fails_now_and_then_is_acquitted_and_not_counted_again_at_once() -> None:
    clock, client = SteppedClock(), Answers(0)
    watch = FloodWatch(clock)
    for _ in range(3):
        assert asyncio.run(watch.offenders(client)) == {}
        clock.step(5)
    assert sum(query.startswith("count") for query in client.asked) == 1


def test_what_was_before_the_watch_began_counts_for_nobody() -> None:
    clock, client = SteppedClock(), Answers(0)
    watch = FloodWatch(clock)
    clock.step(30)
    asyncio.run(watch.offenders(client))
    clock.step(7200)
    asyncio.run(watch.offenders(client))
    assert "[30s]" in client.asked[0]
    assert "[3600s]" in client.asked[-1]


def test_its_exporter_is_asked_no_more_and_whether_it_lives_still_is() -> None:
    jobs = ("node", "node-fast", "node-alive")
    targets = [{"targets": [f"{name}:9100"], "labels": {"node": name}} for name in ("pve-01", "pve-02")]
    config = {"scrape_configs": [{"job_name": job, "static_configs": targets} for job in jobs]}
    text = json.dumps(config, indent=1) + "\n"
    plan = Plan("rack", processes=(), files=(File("prometheus.yml", text), File("other", "text")), watched=())
    after = without(plan, {"pve-01": "too much"})
    asked = {
        job["job_name"]: [target["labels"]["node"] for target in job["static_configs"]]
        for job in json.loads(after.files[0].content)["scrape_configs"]
    }
    assert asked == {"node": ["pve-02"], "node-fast": ["pve-02"], "node-alive": ["pve-01", "pve-02"]}
    assert after.notes == ("pve-01: its exporter told too much; it is not asked any more until: hune reload",)
    assert without(plan, {}) == plan
