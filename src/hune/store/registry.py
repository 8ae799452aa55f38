"""Series and metadata in the database: every series has one number, whoever asks for it first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from hune.store.database import Database, Link
from hune.store.series import SeriesIndex
from hune.store.wire.batch import Metadata
from hune.store.wire.labels import METRIC_NAME, Identity, encode

_AT_ONCE = 2_000
_KINDS = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")

_FIND = "SELECT id, fingerprint FROM hune.series WHERE fingerprint = ANY($1)"
# In the order of the key: two adapters that bring the same series wait for each other, never in a circle.
_INSERT = """
INSERT INTO hune.series (fingerprint, metric, labels, exact)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::bytea[]) AS one (fingerprint) ORDER BY fingerprint
ON CONFLICT DO NOTHING
"""
_METADATA = """
INSERT INTO hune.metadata (metric, kind, help, unit)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS one (metric) ORDER BY metric
ON CONFLICT (metric) DO UPDATE SET kind = excluded.kind, help = excluded.help, unit = excluded.unit
WHERE (metadata.kind, metadata.help, metadata.unit) IS DISTINCT FROM (excluded.kind, excluded.help, excluded.unit)
"""
_MOST_METADATA = 20_000
_LONGEST_METRIC = 600
_LONGEST_TEXT = 2_000


class Registry:
    """Numbers for series, and what metrics are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._link = Link(database)
        self._told: dict[str, Metadata] = {}

    async def resolve(self, index: SeriesIndex) -> None:
        """Give every series of the index its number. Raises Unavailable."""
        async with self._link.use() as connection:
            while index.unresolved:
                some = list(index.unresolved.items())[:_AT_ONCE]
                fingerprints = {slot: uuid.UUID(bytes=one.fingerprint()) for slot, one in some}
                asked = set(fingerprints.values())
                found = {row["fingerprint"]: row["id"] for row in await connection.fetch(_FIND, list(asked))}
                missing = {fingerprints[slot]: one for slot, one in some if fingerprints[slot] not in found}
                if missing:
                    await connection.execute(_INSERT, list(missing), *_columns(list(missing.values())))
                    for row in await connection.fetch(_FIND, list(missing)):
                        found[row["fingerprint"]] = row["id"]
                index.resolve({slot: found[key] for slot, key in fingerprints.items()})

    async def note(self, metadata: Sequence[Metadata]) -> None:
        """Keep what metrics are, if that is news. Raises Unavailable."""
        kept = {one.metric: one for one in map(_kept, metadata) if 0 < len(one.metric) <= _LONGEST_METRIC}
        news = [one for one in kept.values() if self._told.get(one.metric) != one]
        for begin in range(0, len(news), _AT_ONCE):
            rows = news[begin : begin + _AT_ONCE]
            async with self._link.use() as connection:
                await connection.execute(
                    _METADATA,
                    [one.metric for one in rows],
                    [_KINDS[one.kind] if 0 <= one.kind < len(_KINDS) else _KINDS[0] for one in rows],
                    [one.help for one in rows],
                    [one.unit for one in rows],
                )
            if len(self._told) > _MOST_METADATA:
                self._told.clear()
            self._told.update({one.metric: one for one in rows})

    async def ask(self) -> None:
        """Return if the database answers. Raises Unavailable."""
        async with self._link.use() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        await self._link.close()


def _columns(identities: Sequence[Identity]) -> tuple[list[str], list[str], list[bytes | None]]:
    metrics, labels, exact = [], [], []
    for one in identities:
        metrics.append(_text(one.metric))
        labels.append(json.dumps({_text(name): _text(value) for name, value in one.labels if name != METRIC_NAME}))
        unspeakable = any("\0" in text for label in one.labels for text in label)
        exact.append(encode(one.labels) if unspeakable else None)
    return metrics, labels, exact


def _text(text: str) -> str:
    """Return text without U+0000, which PostgreSQL can't keep."""
    return text.replace("\0", "\ufffd")


def _kept(told: Metadata) -> Metadata:
    """Return what is kept of metadata: a help may be as long as a request."""
    return Metadata(_text(told.metric), told.kind, _text(told.help[:_LONGEST_TEXT]), _text(told.unit[:_LONGEST_TEXT]))
