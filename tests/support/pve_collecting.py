"""Collectors run against answers that are data: no network, no waiting, a clock that a test sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.collectors import collectors
from hune.collect.pve.families import Exposition
from hune.collect.pve.settings import Settings
from hune.collect.pve.source import Source
from hune.pve.errors import NotThere, PveError
from support.pve_answers import NOW, Answers


class SetClock:
    """A clock that stands still until it is set on."""

    def __init__(self) -> None:
        self.passed = 1000.0

    def now(self) -> float:
        return NOW + self.passed - 1000.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing sleeps here, asked for {seconds} s")


@dataclass
class FakeApi:
    """Answers from a mapping: data, an error to raise, or something to await; what isn't in it isn't there."""

    answers: Answers
    asked: Counter[str] = field(default_factory=Counter)

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        assert not node, "any node may answer"
        if params:
            path += "?" + "&".join(f"{key}={value}" for key, value in sorted(params.items()))
        self.asked[path] += 1
        answer = self.answers.get(path, NotThere(f"{path}: no such path", path=path))
        if callable(answer):
            waiting: Callable[[], Awaitable[Any]] = answer
            answer = await waiting()
        if isinstance(answer, PveError):
            raise answer
        return answer


@dataclass
class Stand:
    """A cluster that answers, and the collectors of one exporter."""

    api: FakeApi
    clock: SetClock
    source: Source
    settings: Settings

    def __post_init__(self) -> None:
        self.by_name = {collector.name: collector for collector in collectors(self.settings)}

    async def run(self, name: str) -> Collection:
        """Run one collector once, as a scrape does."""
        run = Collection(self.source)
        with self.source.round():
            await self.by_name[name].collect(run)
        return run

    async def samples(self, name: str) -> dict[str, float]:
        """Run one collector once; nothing may be missed."""
        run = await self.run(name)
        assert run.problems == []
        return samples(run.out)


def make_stand(answers: Answers, settings: Settings | None = None) -> Stand:
    api, clock = FakeApi(answers), SetClock()
    return Stand(api, clock, Source(api, clock), settings or Settings())


def text(out: Exposition) -> str:
    return b"".join(out.chunks()).decode()


def samples(out: Exposition) -> dict[str, float]:
    """Return all samples by series, as prometheus_client's parser reads them."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text(out)):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            series = f"{sample.name}{{{labels}}}"
            assert series not in found, f"{series} twice"
            assert math.isfinite(sample.value), series
            found[series] = sample.value
    return found


def check_families(collector: Collector, out: Exposition) -> None:
    """Fail if a collector yields what its families don't announce."""
    announced = {family.name: family for family in collector.families}
    for family in text_string_to_metric_families(text(out)):
        assert family.name in announced, f"{family.name} is none of {collector.name}'s"
