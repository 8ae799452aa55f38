"""The HTTP API of Prometheus (and of VictoriaMetrics, which speaks the same).

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from hune.core.errors import Refused, Unavailable, why


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series; `timestamp` in seconds since the epoch."""

    labels: Mapping[str, str]
    value: float
    timestamp: float

    def __getitem__(self, label: str) -> str:
        return self.labels.get(label, "")


@dataclass(frozen=True, slots=True)
class Series:
    """One series over time: `points` are (seconds since the epoch, value)."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]


class PrometheusClient:
    """Asks one server; every call raises Unavailable (no or late answer, 5xx) or Refused (4xx, with its reason)."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url.rstrip("/")

    async def query(self, expression: str, *, at: float | None = None, timeout_seconds: float = 5.0) -> list[Sample]:
        """Return the instant vector (or the scalar as one sample) of a PromQL expression."""
        form = {"query": expression}
        if at is not None:
            form["time"] = repr(at)
        data = await self.call("POST", "/api/v1/query", form=form, timeout_seconds=timeout_seconds)
        if data["resultType"] == "scalar":
            moment, value = data["result"]
            return [Sample({}, float(value), float(moment))]
        return [Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in data["result"]]

    async def query_range(
        self, expression: str, *, start: float, end: float, step_seconds: float, timeout_seconds: float = 10.0
    ) -> list[Series]:
        """Return the series of an expression between two moments, a point every `step_seconds`."""
        form = {"query": expression, "start": repr(start), "end": repr(end), "step": repr(step_seconds)}
        data = await self.call("POST", "/api/v1/query_range", form=form, timeout_seconds=timeout_seconds)
        return [
            Series(row["metric"], [(float(moment), float(value)) for moment, value in row["values"]])
            for row in data["result"]
        ]

    async def call(
        self, method: str, path: str, *, form: Mapping[str, str] | None = None, timeout_seconds: float = 5.0
    ) -> Any:
        """Return `data` of an API answer."""
        status, body = await self.fetch(method, path, form=form, timeout_seconds=timeout_seconds)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict) and answer.get("status") == "success":
            return answer["data"]
        reason = answer.get("error") if isinstance(answer, dict) else None
        reason = reason or body[:200].decode(errors="replace").strip() or f"status {status}"
        if status >= 500 or status == 200:
            raise Unavailable(f"{self._base}: {reason}")
        raise Refused(f"{self._base}: {reason}")

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        timeout_seconds: float = 5.0,
    ) -> tuple[int, bytes]:
        """Return status and body of any path of the server; raises Unavailable if there is no answer in time."""
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=form,
                json=document,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            ) as response:
                return response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._base}: {why(error)}") from error
