"""The series that this process knows: by the bytes of their labels, with their numbers in the database."""

from __future__ import annotations

import threading

import numpy as np

from hune.store.replicas import Replica, split
from hune.store.wire.batch import Integers
from hune.store.wire.labels import Identity

_FIRST_ROOM = 1024
_NEVER = np.iinfo(np.int64).min
_OVERHEAD_BYTES = 300
"""What a series takes beside its key: in dictionaries, as fingerprint and slot."""


class SeriesIndex:
    """Slots of series, each with its number in the database and when its newest stored sample was.

    Fills up and is replaced as a whole by an empty one: what is being written holds on to the one it was decoded with.
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, int] = {}
        self.unresolved: dict[int, Identity] = {}
        """Slots whose number in the database isn't known yet."""
        self.size_bytes = 0
        self.ids: Integers = np.zeros(_FIRST_ROOM, np.int64)
        """Number in the database, 0 while it isn't known."""
        self.newest: Integers = np.full(_FIRST_ROOM, _NEVER, np.int64)
        """Time of the newest sample that was stored, in milliseconds. A hint: others write too."""
        self.replica: Integers = np.zeros(_FIRST_ROOM, np.int64)
        """Which of `replicas` says it."""
        self.replicas: list[Replica | None] = [None]
        self._by_fingerprint: dict[tuple[bytes, int], int] = {}
        self._by_replica: dict[Replica | None, int] = {None: 0}
        self._growing = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_fingerprint)

    def admit(self, key: bytes, identity: Identity) -> int:
        """Return the slot of a series, under which the bytes of its labels are known from now on."""
        identity, replica = split(identity)
        number = self._by_replica.get(replica)
        if number is None:
            number = self._by_replica[replica] = len(self.replicas)
            self.replicas.append(replica)
        # The same series of two replicas has two slots, and one number in the database.
        fingerprint = (identity.fingerprint(), number)
        slot = self._by_fingerprint.get(fingerprint)
        if slot is None:
            slot = len(self._by_fingerprint)
            if slot == len(self.ids):
                self._grow()
            self.replica[slot] = number
            self.unresolved[slot] = identity
            self._by_fingerprint[fingerprint] = slot
            self.size_bytes += _OVERHEAD_BYTES
        self.by_key[key] = slot
        self.size_bytes += len(key) + 33
        return slot

    def resolve(self, numbers: dict[int, int]) -> None:
        """Remember the numbers of slots in the database."""
        with self._growing:
            for slot, number in numbers.items():
                self.ids[slot] = number
                self.unresolved.pop(slot, None)

    def _grow(self) -> None:
        # Large requests are decoded in a thread: a number told meanwhile would be left behind in what was copied.
        with self._growing:
            slot = len(self.ids)
            self.ids = np.concatenate([self.ids, np.zeros(slot, np.int64)])
            self.newest = np.concatenate([self.newest, np.full(slot, _NEVER, np.int64)])
            self.replica = np.concatenate([self.replica, np.zeros(slot, np.int64)])
