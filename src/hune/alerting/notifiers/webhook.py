"""A program of yours: every alert as JSON in a POST request, signed if you give a key.

Headers and signature follow https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
`webhook-id` is the same each time the same news is sent, so that a repetition can be known as one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hune.alerting.notifiers import Digest, Notice
from hune.alerting.notifiers.calling import Endpoint, encode
from hune.alerting.notifiers.content import Writer
from hune.alerting.state.episode import Care, Episode, State

MAX_BYTES = 256 << 10
MAX_ALERTS = 100
WHAT, REMEDY = "the webhook", "see what answers at its URL"


@dataclass(frozen=True, slots=True)
class Event:
    """One request: what identifies the news, and its body."""

    id: str
    document: Mapping[str, Any]


class WebhookComposer:
    """What a program is told; docs/alerting.md describes every field."""

    def __init__(self, writer: Writer, receiver: str) -> None:
        self._writer = writer
        self._receiver = receiver

    def alert(self, notice: Notice) -> Event:
        kind = "alert.passed" if notice.came_and_went else f"alert.{notice.told}"
        content = self._writer.alert(notice)
        document = {
            **_about(notice.episode),
            "title": content.name,
            "summary": content.summary,
            "description": content.description,
            "next_step": content.next_step,
            "links": [{"text": link.text, "url": link.url} for link in content.links],
            "labels": dict(notice.episode.labels),
            "annotations": dict(notice.episode.annotations),
            "again": notice.again.name.lower() if notice.again and notice.told is State.FIRING else None,
            "care": _care(notice.care) if notice.care else None,
        }
        identity = f"{self._receiver}-{notice.episode.id}-{round(notice.episode.starts_at)}-{notice.told}"
        if notice.repetition:
            identity = f"{identity}-{notice.repetition}"
        return self._event(identity, kind, notice.now, document)

    def reply(self, notice: Notice) -> Event:
        return self.alert(notice)

    def digest(self, digest: Digest) -> Event:
        many = self._writer.digest(digest)
        told = [
            {
                **_about(notice.episode),
                "type": "alert.passed" if notice.came_and_went else f"alert.{notice.told}",
                "summary": self._writer.wording.summary(notice),
                "labels": dict(notice.episode.labels),
            }
            for notice in digest.notices[:MAX_ALERTS]
        ]
        identity = f"{self._receiver}-digest-{digest.identity}"
        while True:
            document = {
                "summary": f"{many.icon} {many.title}",
                "total": many.total,
                "url": digest.link,
                "away_since": _iso(digest.away_since),
                "alerts": told,
                "not_listed": many.total - len(told),
            }
            event = self._event(identity, "digest", digest.now, document)
            if len(encode(event.document)) <= MAX_BYTES or not told:
                return event
            told = told[: len(told) // 2]

    def plain(self, text: str) -> Event:
        now = time.time()
        return self._event(f"{self._receiver}-message-{round(now * 1000)}", "message", now, {"text": text[:2000]})

    def headline(self, notice: Notice) -> str:
        return self._writer.alert(notice).headline()

    def digest_line(self, digest: Digest) -> str:
        return digest.link

    def _event(self, identity: str, kind: str, now: float, data: Mapping[str, Any]) -> Event:
        document = {"type": kind, "timestamp": _iso(now), "site": self._writer.site, "receiver": self._receiver}
        return Event(f"hune-{self._writer.site}-{identity}", {**document, "data": data})


class SignedWebhook:
    """One URL that takes events."""

    edits = False

    def __init__(self, endpoint: Endpoint, secret: str | None) -> None:
        """Raises ReceiverRefused if a `whsec_…` secret isn't Base64 after that."""
        self._endpoint = endpoint
        try:
            self._key = None if secret is None else _key(secret.strip())
        except binascii.Error:
            raise endpoint.refusal("has a secret that isn't whsec_ and Base64") from None

    @property
    def pause_seconds(self) -> float:
        return self._endpoint.pause_seconds("post")

    async def post(self, payload: Event) -> str | None:
        body = encode(payload.document)
        headers = {"webhook-id": payload.id, "webhook-timestamp": str(int(time.time()))}
        if self._key is not None:
            headers["webhook-signature"] = sign(self._key, payload.id, headers["webhook-timestamp"], body)
        answer = await self._endpoint.call("post", body, headers=headers)
        if not answer.accepted:
            raise self._endpoint.judge(answer)
        return None

    async def patch(self, _message: str, _payload: Event) -> bool:
        return False


def sign(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a request: `v1,` and Base64 of HMAC-SHA256 over id, time and body."""
    digest = hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    prefix, _, rest = secret.partition("whsec_")
    return base64.b64decode(rest, validate=True) if rest and not prefix else secret.encode()


def _about(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "fingerprint": episode.fingerprint,
        "alertname": episode.alertname,
        "severity": episode.severity,
        "node": episode.labels.get("node", ""),
        "lab": episode.is_lab,
        "starts_at": _iso(episode.starts_at),
        "resolved_at": _iso(episode.resolved_at),
        "ending": episode.ending,
        "value": episode.value,
        "peak": episode.peak,
        "unit": episode.annotations.get("unit", ""),
        "threshold": episode.annotations.get("threshold", ""),
    }


def _care(care: Care) -> dict[str, Any]:
    return {"state": care.state, "by": care.by, "at": _iso(care.at), "until": _iso(care.until), "note": care.note}


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
