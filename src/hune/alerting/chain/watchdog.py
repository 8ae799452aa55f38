"""The chain from Prometheus' rules to this hub: the Watchdog always fires, and Alertmanager repeats it.

Whoever stops hearing it knows that no other alert would arrive either: so the hub itself opens an alert, says what
it found when it asked both engines directly, and ends it when the Watchdog is heard again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hune.alerting.catalogue import ALERTS
from hune.alerting.chain.silence import Silence
from hune.alerting.holds import Terms
from hune.alerting.hub.timing import Timing
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.alerting.state.episode import Ending, Episode, Incoming
from hune.alerting.words.chain import FOUND
from hune.core.clock import Clock
from hune.core.errors import HuneError, Unavailable
from hune.promapi.alertmanager import AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Site

log = logging.getLogger(__name__)

WATCHDOG = "Watchdog"
BROKEN = "ChainBroken"
NAME = ""
"""Of the Watchdog among those who are to be heard from."""

_EVALUATED = "time() - timestamp(hune:tick)"
_STUCK_SECONDS = 15.0
_QUESTION_SECONDS = 5.0
_SAY_AGAIN_SECONDS = 60.0
_FORGET_SECONDS = 7 * 86400.0
"""A Watchdog that wasn't heard for so long is not expected after a start: no Alertmanager may be meant to send it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the engines said when they were asked directly: of each a key of `FOUND`, and the words of an error."""

    prometheus: tuple[str, str]
    alertmanager: tuple[str, str]

    @property
    def is_silenced(self) -> bool:
        """Whether everything works and somebody wants not to hear it."""
        return self.prometheus[0] == "evaluates" and self.alertmanager[0] == "silenced"

    def describe(self, language: str, *, with_reasons: bool = True) -> str:
        """Return it in a language of the site; reasons may name addresses."""
        said = []
        for key, reason in (self.prometheus, self.alertmanager):
            text = FOUND[language][key]
            said.append(f"{text.removesuffix('.')} ({reason})." if reason and with_reasons else text)
        return " ".join(said)


class Chain:
    """Listens for the Watchdog until cancelled; what it knows outlives the hub as `silence`."""

    def __init__(
        self,
        database: Database,
        prometheus: PrometheusClient,
        alertmanager: AlertmanagerClient,
        site: Site,
        *,
        receivers: Sequence[str],
        timing: Timing,
        clock: Clock,
        terms: Callable[[float], Terms],
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._site = site
        self._receivers = receivers
        self._timing = timing
        self._clock = clock
        self._terms = terms
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._episode: Episode | None = None
        self._said_at = float("-inf")
        self._was_heard = self._has_looked = False
        self.silence = Silence()
        self.finding: Finding | None = None
        """What was found when the chain broke; None while it works."""

    def remember(self, known: Silence | None) -> None:
        """Take over when the Watchdog was last heard; this hub has the time of a start to hear it again."""
        recent = known is not None and self._clock.now() - known.heard_at < _FORGET_SECONDS
        self.silence = Silence(known.heard_at if known and recent else 0.0)

    def heard(self) -> None:
        """The Watchdog came."""
        self._was_heard = True
        self.silence.heard(self._clock.now())
        if self._episode is not None:
            self._wake.set()

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether these are the labels of this site's Watchdog."""
        return labels.get("alertname") == WATCHDOG and labels.get("site", self._site.name) == self._site.name

    @property
    def state(self) -> str:
        """`working`, `silent` (told if it goes on), `broken` (told), or `unheard`: there never was one."""
        if self._episode is not None:
            return "broken"
        if self._is_heard:
            return "working"
        return "silent" if self.silence.heard_at else "unheard"

    @property
    def is_working(self) -> bool:
        """Whether the Watchdog was heard lately, by this hub itself."""
        return self._episode is None and self._was_heard and self.silence.seconds < self._timing.chain_silence

    @property
    def _is_heard(self) -> bool:
        return self._was_heard and self.silence.seconds < self._timing.chain_overdue

    def report(self) -> dict[str, Any]:
        """Return its state for people."""
        return {
            "state": self.state,
            "heard_at": self.silence.heard_at or None,
            "detail": self.finding.describe("en") if self.finding else "",
        }

    async def run(self) -> None:
        """Count the silence, and tell of it, until cancelled."""
        before = self._clock.monotonic()
        while True:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._timing.listen):
                    await self._wake.wait()
            except TimeoutError:
                pass
            now = self._clock.monotonic()
            self.silence.listened(now - before, every=self._timing.listen)
            before = now
            try:
                await self.round()
            except Unavailable as error:
                log.debug("the chain could not be judged: %s", error)
            except Exception:
                log.exception("a fault of the hub while listening for the Watchdog; trying again")

    async def round(self) -> None:
        """Judge once: open an alert, bring it up to date, or end it."""
        if not self._has_looked:
            self._episode, self._has_looked = await self._database.read(_open_one), True
        limit = self._timing.chain_silence if self._was_heard else self._timing.chain_settle
        if self._episode is not None and self._is_heard:
            await self._end(self._episode)
        elif self.silence.heard_at and self.silence.seconds >= limit:
            await self._look()

    async def _look(self) -> None:
        now = self._clock.now()
        if self._episode is not None and now - self._said_at < _SAY_AGAIN_SECONDS:
            return
        before = self.silence.heard_at
        finding = await self._ask()
        if self.silence.heard_at != before:
            return
        if finding.is_silenced:
            # Everything works, and somebody wants quiet: heard by having asked.
            self.heard()
            return
        self._said_at, self.finding = now, finding
        alert = self._alert(finding)
        if (known := self._episode) is not None:
            await self._database.write(
                lambda connection: book.refresh(connection, known, alert.annotations, None, heard_at=now)
            )
            return

        terms = self._terms(now)

        def store(connection: Any) -> None:
            if _open_one(connection) is not None:
                return  # It was stored, and could not be read again.
            episode = book.open_episode(connection, alert, now=now, held=terms.holds(alert.labels))
            book.address(connection, episode, self._receivers, now=now, due=terms.due_of(alert.labels))

        log.error("nothing was heard of the Watchdog for %.0f s: %s", self.silence.seconds, finding.describe("en"))
        await self._database.write(store)
        self._episode = await self._database.read(_open_one)
        self._on_change()

    async def _end(self, episode: Episode) -> None:
        now = self._clock.now()
        due = self._terms(now).due_of(episode.labels)
        await self._database.write(
            lambda connection: book.resolve(connection, episode.id, at=now, ending=Ending.MEASURED, now=now, due=due)
        )
        log.info("the Watchdog is heard again")
        self._episode, self.finding = None, None
        self._on_change()

    def _alert(self, finding: Finding) -> Incoming:
        language = self._site.language
        words = ALERTS[BROKEN].words(language)
        page = (self._site.public_url or self._site.url("nester")).rstrip("/")
        return Incoming(
            firing=True,
            labels={"alertname": BROKEN, "severity": "critical", "site": self._site.name},
            annotations={
                "summary": words.summary,
                "description": f"{words.description} {finding.describe(language)}",
                "runbook_url": f"{page}/runbooks/{BROKEN}",
            },
            starts_at=self.silence.heard_at or None,
        )

    async def _ask(self) -> Finding:
        return Finding(*await asyncio.gather(self._ask_prometheus(), self._ask_alertmanager()))

    async def _ask_prometheus(self) -> tuple[str, str]:
        try:
            answer = await self._prometheus.call("GET", "/api/v1/alerts", timeout_seconds=_QUESTION_SECONDS)
            evaluated = await self._prometheus.query(_EVALUATED, timeout_seconds=_QUESTION_SECONDS)
            fires = any(row["labels"]["alertname"] == WATCHDOG for row in answer["alerts"])
        except (HuneError, KeyError, TypeError) as error:
            return "prometheus_silent", str(error) or type(error).__name__
        if not evaluated or evaluated[0].value > _STUCK_SECONDS:
            return "rules_stuck", ""
        return ("evaluates" if fires else "no_watchdog"), ""

    async def _ask_alertmanager(self) -> tuple[str, str]:
        try:
            found = [alert for alert in await self._alertmanager.alerts() if self.takes(alert.labels)]
        except HuneError as error:
            return "alertmanager_silent", str(error)
        if not found:
            return "not_known_there", ""
        return ("silenced" if all(alert.silenced_by for alert in found) else "not_sent"), ""


def _open_one(connection: Any) -> Episode | None:
    return next((one for one in book.open_episodes(connection) if one.alertname == BROKEN), None)
