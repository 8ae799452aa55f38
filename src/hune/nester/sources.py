"""Whom the pages ask beside Prometheus: the hub for alerts, the conductor for the health of Hune itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp

from hune.core.errors import Unavailable, why
from hune.http import control
from hune.nester.snapshot import SEVERITIES, Alert, AlertState, Delivery, ServiceHealth, Severity, is_plausible

# Fires always, so that its silence is noticed: nothing to show.
WATCHDOG = "Watchdog"


class HubClient:
    """Asks the hub; every call raises Unavailable if it doesn't answer, or not in its own words."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url.rstrip("/")

    async def alerts(self, since: float) -> tuple[Alert, ...]:
        """Return the open alerts, and those that ended since then."""
        status, answer = await self._get(f"/alerts?since={since:.0f}")
        if status != 200:
            raise Unavailable(f"{self._base}: status {status}")
        return self._parse(answer)

    async def digest(self, digest_id: str) -> tuple[Alert, ...] | None:
        """Return the alerts that a digest counted, None if there is no such digest."""
        status, answer = await self._get(f"/digests/{digest_id}")
        if status == 404:
            return None
        if status != 200:
            raise Unavailable(f"{self._base}: status {status}")
        return self._parse(answer)

    def _parse(self, answer: Any) -> tuple[Alert, ...]:
        try:
            return tuple(parse_alert(row) for row in answer["alerts"] if row["alertname"] != WATCHDOG)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{self._base}: not the answer of a hub") from error

    async def _get(self, path: str) -> tuple[int, Any]:
        try:
            async with self._session.get(self._base + path, timeout=aiohttp.ClientTimeout(total=3.0)) as response:
                body = await response.read()
                return response.status, json.loads(body) if response.status == 200 else None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{self._base}: {why(error)}") from error


def parse_alert(row: Mapping[str, Any]) -> Alert:
    """Return an alert as the hub writes it. Raises KeyError, TypeError or ValueError if it isn't one."""
    severity = cast("Severity", row["severity"]) if row["severity"] in SEVERITIES else "info"
    state: AlertState = row["state"] if row["state"] in ("firing", "resolved") else "unknown"
    return Alert(
        id=str(row["id"]),
        name=str(row["alertname"]),
        severity=severity,
        state=state,
        labels=_pairs(row.get("labels")),
        annotations=_pairs(row.get("annotations")),
        starts_at=float(row["starts_at"]),
        resolved_at=_number(row.get("resolved_at")),
        value=_number(row.get("value")),
        peak=_number(row.get("peak")),
        deliveries=tuple(
            Delivery(str(each["receiver"]), str(each["state"]), _number(each.get("at")), str(each.get("detail") or ""))
            for each in row.get("deliveries") or ()
        ),
    )


def _pairs(mapping: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(key), str(value)) for key, value in (mapping or {}).items()))


def _number(value: Any) -> float | None:
    number = None if value is None or value == "" else float(value)
    return number if number is not None and is_plausible(number) else None


async def conductor_health(socket: Path) -> tuple[ServiceHealth, ...]:
    """Return what the conductor says of each engine and service.

    Raises Unavailable if no conductor runs here: each service may also run alone.
    """
    # A thread: the call is a blocking one, made for the command line.
    _, answer = await asyncio.to_thread(control.call, socket, "GET", "/health", timeout_seconds=4.0)
    try:
        return tuple(
            ServiceHealth(
                name=str(row["name"]),
                healthy=bool(row["healthy"]),
                detail=str(row["detail"]),
                address=str(row["address"]),
                since=float(row["since"]),
            )
            for row in answer["services"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("the conductor's answer is not a health report") from error
