"""One scrape of one cluster: all collectors at once, within a deadline; what could be had, and what could not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.families import Exposition
from hune.collect.pve.source import Source
from hune.pve.errors import BadAnswer, PveError, TimedOut

log = logging.getLogger(__name__)

_LONGEST_SECONDS = 120.0
"""A collector that isn't done by then is ended; readers have long left."""

_DEFAULT_TIMEOUT_SECONDS = 30.0
_MARGIN_RATIO = 0.1
_LARGEST_MARGIN_SECONDS = 1.0


def deadline_seconds(scrape_timeout: str | None) -> float:
    """Return how long collectors may take, from what Prometheus says in `X-Prometheus-Scrape-Timeout-Seconds`.

    A tenth, a second at most, is left for the answer's way.
    """
    try:
        timeout = float(scrape_timeout) if scrape_timeout else _DEFAULT_TIMEOUT_SECONDS
    except ValueError:
        timeout = _DEFAULT_TIMEOUT_SECONDS
    if not 0 < timeout < _LONGEST_SECONDS:
        timeout = _DEFAULT_TIMEOUT_SECONDS
    return timeout - min(_LARGEST_MARGIN_SECONDS, timeout * _MARGIN_RATIO)


@dataclass(frozen=True)
class Outcome:
    """How one collector fared."""

    collector: Collector
    seconds: float
    collection: Collection

    @property
    def problems(self) -> list[PveError]:
        return self.collection.problems

    @property
    def succeeded(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Scrape:
    """What a scrape brought."""

    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """Return the collectors that lack something."""
        return [outcome for outcome in self.outcomes if not outcome.succeeded]

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to be had: no collector succeeded, and none brought a part."""
        return bool(self.outcomes) and not any(
            outcome.succeeded or outcome.collection.out.has_samples for outcome in self.outcomes
        )

    @property
    def expositions(self) -> list[Exposition]:
        """Return all samples."""
        return [outcome.collection.out for outcome in self.outcomes]


@dataclass
class _Run:
    collection: Collection
    started: float
    task: asyncio.Task[Outcome] = field(init=False)


class Scraper:
    """Runs collectors on one source. A run is shared by all scrapes that want it while it lasts."""

    def __init__(self, source: Source, *, name: str) -> None:
        self._source = source
        self._name = name
        self._running: dict[tuple[Collector, str], _Run] = {}
        self._told: dict[tuple[str, str], str] = {}

    async def scrape(self, collectors: Sequence[Collector], *, node: str = "", seconds: float) -> Scrape:
        """Return what the collectors yield within so many seconds; `node` is whom those of node scope ask about.

        A collector that takes longer goes on, and the next scrape gets what it finds.
        """
        with self._source.round():
            runs = [self._run_of(collector, node if collector.scope == "node" else "") for collector in collectors]
            if runs:
                await asyncio.wait([run.task for run in runs], timeout=seconds)
        outcomes = []
        for collector, run in zip(collectors, runs, strict=True):
            outcomes.append(run.task.result() if run.task.done() else self._unfinished(collector, run, seconds))
        return Scrape(outcomes)

    def _run_of(self, collector: Collector, node: str) -> _Run:
        key = (collector, node)
        run = self._running.get(key)
        if run is None:
            run = _Run(Collection(self._source, node), self._source.clock.monotonic())
            run.task = asyncio.create_task(self._collect(collector, run), name=f"{self._name}: {collector.name}")
            self._running[key] = run
            run.task.add_done_callback(lambda _: self._running.pop(key, None))
        return run

    async def _collect(self, collector: Collector, run: _Run) -> Outcome:
        collection = run.collection
        try:
            with self._source.round():
                async with asyncio.timeout(_LONGEST_SECONDS):
                    await collector.collect(collection)
        except PveError as error:
            collection.missed(error)
        except TimeoutError:
            collection.missed(TimedOut(f"not done within {_LONGEST_SECONDS:g} s"))
        except Exception as error:
            self._note(collection, error)
        outcome = Outcome(collector, self._source.clock.monotonic() - run.started, collection)
        self._tell(outcome, collection.node)
        return outcome

    def _unfinished(self, collector: Collector, run: _Run, seconds: float) -> Outcome:
        """Return what a collector that is still at work has so far."""
        part = Collection(self._source, run.collection.node)
        part.out.extend(run.collection.out)
        part.missed(TimedOut(f"not done within {seconds:.3g} s, and still at work"))
        outcome = Outcome(collector, self._source.clock.monotonic() - run.started, part)
        self._tell(outcome, part.node)
        return outcome

    def _note(self, collection: Collection, error: Exception) -> None:
        """Take a group of known errors apart; anything else is a fault of the collector, which spoils itself only."""
        rest: BaseException | None = error
        if isinstance(error, ExceptionGroup):
            known, rest = error.split(PveError)
            for leaf in _leaves(known) if known else ():
                collection.missed(leaf)
        if rest is not None:
            log.error("%s: a collector failed in an unforeseen way", self._name, exc_info=rest)
            collection.missed(BadAnswer(f"unforeseen: {type(rest).__name__}; see the exporter's log"))

    def _tell(self, outcome: Outcome, node: str) -> None:
        """Log the first failure of a kind, and recovery."""
        key = (outcome.collector.name, node)
        before = self._told.get(key, "")
        now = type(outcome.problems[0]).__name__ if outcome.problems else ""
        if now == before:
            return
        self._told[key] = now
        what = f"{self._name}: {outcome.collector.name}{f' of {node}' if node else ''}"
        if now:
            more = f" (and {len(outcome.problems) - 1} more)" if len(outcome.problems) > 1 else ""
            log.warning("%s: %s%s", what, outcome.problems[0], more)
        else:
            log.info("%s: works again", what)

    async def close(self) -> None:
        """End every collector at work."""
        tasks = [run.task for run in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _leaves(group: BaseException) -> Iterator[PveError]:
    if isinstance(group, BaseExceptionGroup):
        for inner in group.exceptions:
            yield from _leaves(inner)
    elif isinstance(group, PveError):
        yield group
