"""Senders that say the same: of each cluster one replica is believed, until it falls silent.

Two Prometheus that scrape the same are told apart by the external label `__replica__`, and known to be a pair by
`cluster`. The samples of one are stored, without the label; those of the other are acknowledged and left out. All
adapters share the choice, which the database holds with its own clock.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from hune.store.database import Database, Link
from hune.store.wire.labels import Identity

CLUSTER, REPLICA = "cluster", "__replica__"

SILENT_SECONDS = 30.0
"""After that much silence the other replica is believed."""
CONFIRMED_SECONDS = 5.0
"""How long a verdict holds without asking the database again: far less than the silence it takes to change it."""
_MOST_VERDICTS = 10_000

_ELECT = """
INSERT INTO hune.leader AS leader (key, cluster, replica)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS one (key) ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    replica = excluded.replica,
    seen = excluded.seen,
    since = CASE WHEN leader.replica = excluded.replica THEN leader.since ELSE excluded.since END
WHERE leader.replica = excluded.replica OR leader.seen < now() - make_interval(secs => $4)
RETURNING key
"""


@dataclass(frozen=True, slots=True)
class Replica:
    """One of several senders that say the same."""

    cluster: str
    name: str


def split(identity: Identity) -> tuple[Identity, Replica | None]:
    """Return a series as it is stored, and which replica says it; none where it isn't one of several."""
    labels = dict(identity.labels)
    if CLUSTER not in labels or REPLICA not in labels:
        return identity, None
    kept = Identity(tuple(label for label in identity.labels if label[0] != REPLICA))
    return kept, Replica(labels[CLUSTER], labels[REPLICA])


class Election:
    """Knows which replicas are believed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._link = Link(database)
        self._verdicts: dict[Replica, tuple[bool, float]] = {}

    async def believed(self, replicas: Iterable[Replica]) -> set[Replica]:
        """Return those of some replicas whose samples are stored. Raises Unavailable."""
        asked = set(replicas)
        now = self._database.clock.monotonic()
        open_ = {one for one in asked if self._verdicts.get(one, (False, 0.0))[1] <= now}
        if len(self._verdicts) > _MOST_VERDICTS:
            self._verdicts.clear()
            open_ = set(asked)
        while open_:
            # One of each cluster at a time: a statement changes a row only once.
            some = {_key(one.cluster): one for one in open_}
            open_ -= set(some.values())
            async with self._link.use() as connection:
                rows = await connection.fetch(
                    _ELECT,
                    list(some),
                    [one.cluster.replace("\0", "\ufffd") for one in some.values()],
                    [one.name.replace("\0", "\ufffd") for one in some.values()],
                    SILENT_SECONDS,
                )
            elected = {row["key"] for row in rows}
            for key, one in some.items():
                self._verdicts[one] = (key in elected, now + CONFIRMED_SECONDS)
        return {one for one in asked if self._verdicts[one][0]}

    async def close(self) -> None:
        await self._link.close()


def _key(cluster: str) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.blake2b(cluster.encode(), digest_size=16).digest())
