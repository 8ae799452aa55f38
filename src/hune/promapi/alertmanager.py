"""The API of Alertmanager, version 2.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from hune.core.errors import Unavailable
from hune.promapi.prometheus import PrometheusClient


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that Alertmanager hands to receivers."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receivers: tuple[str, ...]


class AlertmanagerClient:
    """Asks one Alertmanager; every call raises Unavailable if there is no answer that makes sense."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        # Both engines are asked over the same kind of HTTP.
        self._http = PrometheusClient(session, base_url)
        self._base = base_url

    async def active_alerts(self) -> list[ActiveAlert]:
        """Return the alerts that are neither silenced nor inhibited."""
        status, body = await self._http.fetch(
            "GET", "/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=false"
        )
        if status != 200:
            raise Unavailable(f"{self._base}: answered {status}")
        try:
            return [
                ActiveAlert(
                    labels=row["labels"],
                    annotations=row["annotations"],
                    receivers=tuple(receiver["name"] for receiver in row["receivers"]),
                )
                for row in json.loads(body)
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self._base}: answered something else than alerts") from error
