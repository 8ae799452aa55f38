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
_ABOUT_WHAT_IS_ASKED = (400, 404, 422)
"""Refusals that the others of a cluster would repeat."""
_NO_SUCH_SILENCE = (b"not found", b"already expired")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one of a cluster answered."""

    base: str
    status: int
    body: bytes

    def rows(self, what: str) -> list[Any]:
        """Return its list. Raises Unavailable if it has none."""
        if self.status != 200:
            raise Unavailable(f"{self.base}: answered {self.status}")
        try:
            rows = json.loads(self.body)
        except (ValueError, RecursionError):
            rows = None
        if not isinstance(rows, list):
            raise self.something_else_than(what)
        return rows

    def something_else_than(self, what: str) -> Unavailable:
        """Return the error of an answer that makes no sense."""
        return Unavailable(f"{self.base}: answered something else than {what}")


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that Alertmanager hands to receivers, or would if it weren't silenced; times since the epoch."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...] = ()
    """Ids of silences."""
    starts_at: float = 0.0
    """As its notifications say."""


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
        self._places = [(base.rstrip("/"), PrometheusClient(session, base)) for base in (base_url, *others)]

    async def _fetch(self, method: str, path: str, *, document: Mapping[str, Any] | None = None) -> _Answer:
        """Return the answer of the first that has one: not of one that is gone, in trouble, or takes no orders."""
        worse: _Answer | None = None
        gone = Unavailable("no Alertmanager is known")
        # Others ask meanwhile, and change the order.
        for base, client in tuple(self._places):
            try:
                status, body = await client.fetch(method, path, document=document, timeout_seconds=_PATIENCE_SECONDS)
            except Unavailable as error:
                gone = error
                continue
            answer = _Answer(base, status, body)
            if status < 400 or (method != "GET" and status in _ABOUT_WHAT_IS_ASKED):
                self._places.sort(key=lambda place: place[0] != answer.base)
                return answer
            worse = worse or answer
        if worse is None:
            raise gone
        return worse

    async def alerts(self, *, inhibited: bool = False) -> list[ActiveAlert]:
        """Return the alerts that are not inhibited, silenced ones included; or all of them."""
        wanted = "" if inhibited else "?active=true&silenced=true&inhibited=false&unprocessed=false"
        answer = await self._fetch("GET", f"/api/v2/alerts{wanted}")
        try:
            return [
                ActiveAlert(
                    labels=row["labels"],
                    annotations=row["annotations"],
                    receivers=tuple(receiver["name"] for receiver in row["receivers"]),
                    silenced_by=tuple(row["status"].get("silencedBy") or ()),
                    starts_at=datetime.fromisoformat(row["startsAt"]).timestamp(),
                )
                for row in answer.rows("alerts")
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise answer.something_else_than("alerts") from error

    async def inhibitors(self, labels: Mapping[str, str]) -> list[Mapping[str, str]]:
        """Return the labels of the alerts that inhibit the one of exactly these labels, if it is inhibited."""
        matcher = quote(f"alertname={json.dumps(labels.get('alertname', ''), ensure_ascii=False)}", safe="")
        answer = await self._fetch("GET", f"/api/v2/alerts?filter={matcher}")
        try:
            same = answer.rows("alerts")
            by = next((row["status"].get("inhibitedBy") or () for row in same if row["labels"] == dict(labels)), ())
            if not by:
                return []
            answer = await self._fetch("GET", "/api/v2/alerts")
            return [row["labels"] for row in answer.rows("alerts") if row["fingerprint"] in by]
        except (KeyError, TypeError, AttributeError) as error:
            raise answer.something_else_than("alerts") from error

    async def silences(self) -> list[Silence]:
        """Return the silences that hold or will hold, those that end first before others."""
        answer = await self._fetch("GET", "/api/v2/silences")
        try:
            found = [_silence(row) for row in answer.rows("silences") if row["status"]["state"] != "expired"]
        except (KeyError, TypeError, ValueError) as error:
            raise answer.something_else_than("silences") from error
        # Of those that end together Alertmanager puts first now one and now another.
        return sorted(found, key=lambda one: (one.ends_at, one.id))

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
        answer = await self._fetch("POST", "/api/v2/silences", document=document)
        if answer.status in _ABOUT_WHAT_IS_ASKED:
            raise Refused(f"{answer.base}: {_reason(answer.body)}")
        try:
            return str(json.loads(answer.body)["silenceID"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{answer.base}: answered {answer.status} to a silence") from error

    async def expire_silence(self, identity: str) -> None:
        """End a silence now. Raises Refused if there is no such silence, or it is over."""
        answer = await self._fetch("DELETE", f"/api/v2/silence/{quote(identity, safe='')}")
        if answer.status == 200:
            return
        # Older ones answer 500 to an id that they don't know.
        if answer.status in _ABOUT_WHAT_IS_ASKED or any(said in answer.body for said in _NO_SUCH_SILENCE):
            raise Refused(f"{answer.base}: {_reason(answer.body)}")
        raise Unavailable(f"{answer.base}: answered {answer.status}")


def _silence(row: Mapping[str, Any]) -> Silence:
    return Silence(
        id=str(row["id"]),
        matchers=tuple(
            SilenceMatcher(str(one["name"]), str(one["value"]), bool(one["isRegex"]), bool(one.get("isEqual", True)))
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
