"""Series keep the numbers that the database gave them, whatever else happens to the index meanwhile."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from hune.store.series import SeriesIndex
from hune.store.wire.labels import Identity


def admit(index: SeriesIndex, number: int) -> int:
    return index.admit(str(number).encode(), Identity.of([("n", str(number))]))


def test_a_number_told_while_the_index_grows_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    index = SeriesIndex()
    room = len(index.ids)
    for number in range(room):
        admit(index, number)
    copied, told = threading.Event(), threading.Event()
    concatenate = np.concatenate

    def slowly(arrays):  # type: ignore[no-untyped-def]
        made = concatenate(arrays)
        copied.set()
        # Whoever waits for the index can't tell anything.
        told.wait(0.05)
        return made

    monkeypatch.setattr(np, "concatenate", slowly)
    growing = threading.Thread(target=admit, args=(index, room))
    growing.start()
    assert copied.wait(120)
    index.resolve(dict.fromkeys(range(room), 7))
    told.set()
    growing.join()
    assert list(index.ids[: room + 1]) == [7] * room + [0]
    assert list(index.unresolved) == [room]
