"""What is known of single alerts: asked for while somebody looks at their page, and kept while the hub is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hune.core.clock import Clock
from hune.core.errors import HuneError
from hune.nester.hub.client import HubClient
from hune.nester.hub.model import Dossier

KEPT_SECONDS = 2.0
WHY_KEPT_SECONDS = 5.0
_MOST = 200


@dataclass
class _Kept:
    dossier: Dossier | None = None
    missing: bool = False
    asked_at: float = float("-inf")
    why: Mapping[str, Any] | None = None
    why_asked_at: float = float("-inf")


class Dossiers:
    """Asks for one alert at most every two seconds, however many look at it."""

    def __init__(self, hub: HubClient, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def look(self, alert_id: str) -> Dossier | None:
        """Return what is known of an alert, however old, None if nothing ever was.

        Raises KeyError if the hub knows no such alert.
        """
        kept, now = self._kept_of(alert_id), self._clock.monotonic()
        if now - kept.asked_at >= KEPT_SECONDS:
            kept.asked_at = now
            try:
                found = await self._hub.dossier(alert_id)
            except HuneError:
                # The poller tells that the hub is silent.
                return kept.dossier
            kept.dossier, kept.missing = found, found is None
        if kept.missing:
            raise KeyError(alert_id)
        return kept.dossier

    async def why(self, dossier: Dossier) -> Mapping[str, Any] | None:
        """Return why an alert is told or isn't, None if nobody can say."""
        number = dossier.alert.id
        kept, now = self._kept_of(number), self._clock.monotonic()
        if now - kept.why_asked_at >= WHY_KEPT_SECONDS:
            kept.why_asked_at = now
            try:
                kept.why = await self._hub.why(number)
            except HuneError:
                kept.why = None
        return kept.why

    def forget(self, alert_id: str) -> None:
        """Ask anew at the next look: somebody did something."""
        self._kept.pop(alert_id, None)

    def _kept_of(self, alert_id: str) -> _Kept:
        if alert_id not in self._kept and len(self._kept) >= _MOST:
            self._kept.clear()
        return self._kept.setdefault(alert_id, _Kept())
