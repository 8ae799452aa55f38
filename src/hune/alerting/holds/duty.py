"""When receivers are on duty: a pure reading of the hours of the site's routes."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.addressing import routes_of
from hune.alerting.holds import calendar
from hune.site.models import Site


class Duty:
    """The hours of a site's routes."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._hours = [tuple(calendar.of_hours(one, site.timezone) for one in route.hours) for route in site.routes]
        self._by_route = {id(route): hours for route, hours in zip(site.routes, self._hours, strict=True)}

    def due(self, labels: Mapping[str, str], receiver: str, *, now: float) -> float:
        """Return from when on a receiver may be told of an alert; 0: at once.

        Of the routes that match and name it one on duty is enough; who is named by none has no hours.
        """
        if not any(self._hours):
            return 0.0
        begins = []
        for route in routes_of(self._site, labels):
            if receiver not in route.receivers:
                continue
            hours = self._by_route[id(route)]
            if not hours or any(calendar.current(one, now) for one in hours):
                return 0.0
            begins += [moment for one in hours if (moment := calendar.next_begin(one, now)) is not None]
        return min(begins, default=0.0)

    def next_change(self, now: float) -> float | None:
        """Return when somebody's duty begins or ends next."""
        changes = (calendar.next_change(one, now) for hours in self._hours for one in hours)
        return min((moment for moment in changes if moment is not None), default=None)
