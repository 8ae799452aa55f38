"""The API of Alertmanager, version 2.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from hune.core.errors import Refused, Unavailable
from hune.promapi.prometheus import PrometheusClient

_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that Alertmanager hands to receivers, or would if it weren't silenced."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...] = ()
    """Ids of silences."""


@dataclass(frozen=True, slots=True)
class SilenceMatcher:
    """One condition of a silence: `name=value`, `name!=value`, `name=~value` or `name!~value`."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        operator = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        return f"{self.name}{operator}{json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence, past or to come; times in seconds since the epoch."""

    id: str
    matchers: tuple[SilenceMatcher, ...]
    starts_at: float
    ends_at: float
    by: str
    reason: str


class AlertmanagerClient:
    """Asks an Alertmanager, or whichever lives of a cluster of them: `others` know the same.

    Every call raises Unavailable if there is no answer that makes sense.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *others: str) -> None:
        # Both engines are asked over the same kind of HTTP. The one that answered last comes first.
        self._clients = [(base, PrometheusClient(session, base)) for base in (base_url, *others)]

    @property
    def _base(self) -> str:
        return self._clients[0][0]

    async def _fetch(self, method: str, path: str, *, document: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """Return the answer of the first that has one: not of one that is gone, or in trouble itself."""
        for turn in range(len(self._clients), 0, -1):
            try:
                status, body = await self._clients[0][1].fetch(
                    method, path, document=document, timeout_seconds=_PATIENCE_SECONDS
                )
            except Unavailable:
                if turn == 1:
                    raise
            else:
                if status < 500 or turn == 1:
                    return status, body
            self._clients.append(self._clients.pop(0))
        raise AssertionError("unreachable")

    async def alerts(self) -> list[ActiveAlert]:
        """Return the alerts that are not inhibited, silenced ones included."""
        rows = await self._get("/api/v2/alerts?active=true&silenced=true&inhibited=false&unprocessed=false", "alerts")
        try:
            return [
                ActiveAlert(
                    labels=row["labels"],
                    annotations=row["annotations"],
                    receivers=tuple(receiver["name"] for receiver in row["receivers"]),
                    silenced_by=tuple(row["status"].get("silencedBy") or ()),
                )
                for row in rows
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise Unavailable(f"{self._base}: answered something else than alerts") from error

    async def inhibitors(self, labels: Mapping[str, str]) -> list[Mapping[str, str]]:
        """Return the labels of the alerts that inhibit the one of exactly these labels, if it is inhibited."""
        matcher = quote(f"alertname={json.dumps(labels.get('alertname', ''), ensure_ascii=False)}", safe="")
        try:
            same = await self._get(f"/api/v2/alerts?filter={matcher}", "alerts")
            by = next((row["status"].get("inhibitedBy") or () for row in same if row["labels"] == dict(labels)), ())
            if not by:
                return []
            return [row["labels"] for row in await self._get("/api/v2/alerts", "alerts") if row["fingerprint"] in by]
        except (KeyError, TypeError, AttributeError) as error:
            raise Unavailable(f"{self._base}: answered something else than alerts") from error

    async def silences(self) -> list[Silence]:
        """Return the silences that hold or will hold."""
        rows = await self._get("/api/v2/silences", "silences")
        try:
            return [_silence(row) for row in rows if row["status"]["state"] != "expired"]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{self._base}: answered something else than silences") from error

    async def create_silence(
        self, matchers: Sequence[SilenceMatcher], *, starts_at: float, ends_at: float, by: str, reason: str
    ) -> str:
        """Begin a silence and return its id. Raises Refused with Alertmanager's reason if it finds it wrong."""
        document = {
            "matchers": [
                {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
                for one in matchers
            ],
            "startsAt": datetime.fromtimestamp(starts_at, UTC).isoformat(),
            "endsAt": datetime.fromtimestamp(ends_at, UTC).isoformat(),
            "createdBy": by,
            "comment": reason,
        }
        status, body = await self._fetch("POST", "/api/v2/silences", document=document)
        if 400 <= status < 500:
            raise Refused(f"{self._base}: {_reason(body)}")
        try:
            return str(json.loads(body)["silenceID"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self._base}: answered {status} to a silence") from error

    async def expire_silence(self, identity: str) -> None:
        """End a silence now. Raises Refused if there is no such silence, or it is over."""
        path = f"/api/v2/silence/{quote(identity, safe='')}"
        status, body = await self._fetch("DELETE", path)
        if status == 200:
            return
        # Older ones answer 500 to an id that they don't know.
        if 400 <= status < 500 or b"not found" in body or b"already expired" in body:
            raise Refused(f"{self._base}: {_reason(body)}")
        raise Unavailable(f"{self._base}: answered {status}")

    async def _get(self, path: str, what: str) -> list[Any]:
        status, body = await self._fetch("GET", path)
        if status != 200:
            raise Unavailable(f"{self._base}: answered {status}")
        try:
            rows = json.loads(body)
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise Unavailable(f"{self._base}: answered something else than {what}")
        return rows


def _silence(row: Mapping[str, Any]) -> Silence:
    return Silence(
        id=str(row["id"]),
        matchers=tuple(
            SilenceMatcher(one["name"], one["value"], bool(one["isRegex"]), bool(one.get("isEqual", True)))
            for one in row["matchers"]
        ),
        starts_at=datetime.fromisoformat(row["startsAt"]).timestamp(),
        ends_at=datetime.fromisoformat(row["endsAt"]).timestamp(),
        by=str(row.get("createdBy", "")),
        reason=str(row.get("comment", "")),
    )


def _reason(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = body.decode(errors="replace")
    if isinstance(answer, dict):
        answer = answer.get("message") or answer
    return str(answer).strip()[:300] or "refused"
