"""What a message only counted, and its link lists."""

from __future__ import annotations

from dataclasses import dataclass

from hune.core.errors import HuneError
from hune.nester.desk import is_number
from hune.nester.hub.client import HubClient
from hune.nester.language import Language
from hune.nester.views.alert_row import alert_path
from hune.nester.views.words import alert_state_word, alert_title


@dataclass(frozen=True, slots=True)
class DigestRow:
    """An alert that a digest counted."""

    title: str
    path: str
    word: str
    since: str
    since_iso: str
    lasted: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a message counted instead of naming it; `problem` is said when there are no rows."""

    id: str
    rows: tuple[DigestRow, ...]
    problem: str


async def digest_of(digest_id: str, hub: HubClient, t: Language, *, now: float) -> Digest:
    """Return the digest of that number, or why it can't be shown."""
    if not is_number(digest_id):
        return Digest("?", (), t("alerts.no_digest"))
    try:
        found = await hub.digest(digest_id)
    except HuneError:
        return Digest(digest_id, (), t("alerts.no_hub"))
    if found is None:
        return Digest(digest_id, (), t("alerts.no_digest"))
    rows = tuple(
        DigestRow(
            title=alert_title(alert, t),
            path=alert_path(alert),
            word=alert_state_word(alert, t)[1],
            since=t.moment(alert.starts_at, now=now),
            since_iso=t.iso(alert.starts_at),
            lasted=t.duration((alert.resolved_at or now) - alert.starts_at),
        )
        for alert in found
    )
    return Digest(digest_id, rows, t("alerts.empty_digest"))
