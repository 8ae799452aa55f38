"""What is known of single alerts: asked for while somebody looks at their page, and kept while the hub is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.hub.client import HubClient
from hune.nester.hub.model import Dossier
from hune.nester.language import Code

KEPT_SECONDS = 2.0
WHY_KEPT_SECONDS = 15.0
"""Each answer costs Prometheus a dozen questions."""
# With that of the poller it stays below what a browser takes for a lost connection.
_PATIENCE_SECONDS = 1.0
_FORGOTTEN_SECONDS = 600.0
MOST_KEPT = 500


@dataclass
class _Kept:
    value: Any = None
    asked_at: float = float("-inf")
    looked_at: float = float("-inf")
    is_answered: bool = False
    asking: asyncio.Task[None] | None = None


class Dossiers:
    """Asks about one alert at most every few seconds, however many look at it, and holds up nobody for long."""

    def __init__(self, hub: HubClient, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._hub = hub
        self._clock = clock
        self._group = group
        self._kept: dict[tuple[str, ...], _Kept] = {}

    async def look(self, alert_id: str) -> Dossier | None:
        """Return what is known of an alert, however old, None if nothing ever was.

        Raises KeyError if the hub knows no such alert.
        """
        kept = await self._look(("alert", alert_id), KEPT_SECONDS, lambda: self._hub.dossier(alert_id))
        if kept.is_answered and kept.value is None:
            raise KeyError(alert_id)
        found: Dossier | None = kept.value
        return found

    async def why(self, dossier: Dossier, code: Code) -> Mapping[str, Any] | None:
        """Return why an alert is told or isn't, None if nobody has said yet."""
        number = dossier.alert.id
        kept = await self._look(("why", number, code), WHY_KEPT_SECONDS, lambda: self._hub.why(number, code))
        found: Mapping[str, Any] | None = kept.value
        return found

    def forget(self, alert_id: str) -> None:
        """Ask anew at the next look: somebody did something."""
        for key, kept in self._kept.items():
            if key[1] == alert_id:
                kept.asked_at = float("-inf")
                kept.asking = None

    async def _look(self, key: tuple[str, ...], keep_seconds: float, ask: Callable[[], Awaitable[Any]]) -> _Kept:
        now = self._clock.monotonic()
        # What was looked at last comes last.
        kept = self._kept[key] = self._kept.pop(key, _Kept())
        kept.looked_at = now
        if kept.asking is None and now - kept.asked_at >= keep_seconds:
            self._tidy(now)
            kept.asked_at = now
            kept.asking = self._group.create_task(self._ask(kept, ask), name=f"dossiers: {key[0]}")
        if kept.asking is not None:
            # What was known is shown meanwhile; pages of other things wait in the same stream.
            is_waited_for = key[0] == "alert" or kept.value is None
            await asyncio.wait({kept.asking}, timeout=_PATIENCE_SECONDS if is_waited_for else 0.0)
        return kept

    async def _ask(self, kept: _Kept, ask: Callable[[], Awaitable[Any]]) -> None:
        me = asyncio.current_task()
        try:
            found = await ask()
        except HuneError:
            # The poller tells that the hub is silent.
            return
        else:
            # Unless somebody did something meanwhile: then the answer is older than that.
            if kept.asking is me:
                kept.value, kept.is_answered = found, True
        finally:
            if kept.asking is me:
                kept.asking = None

    def _tidy(self, now: float) -> None:
        while len(self._kept) > MOST_KEPT or now - next(iter(self._kept.values())).looked_at > _FORGOTTEN_SECONDS:
            del self._kept[next(iter(self._kept))]
