"""Logs that don't grow without bound, and following them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

LIMIT_BYTES = 10 << 20
KEPT = 3
PAUSE_SECONDS = 0.3
"""Between two looks at logs that are followed."""


def rotate(directory: Path, *, limit_bytes: int = LIMIT_BYTES, kept: int = KEPT) -> None:
    """Copy each log that is too long aside and empty it in place.

    The processes hold their logs open for appending, so the file itself has to stay.
    """
    for path in directory.glob("*.log"):
        if path.stat().st_size <= limit_bytes:
            continue
        for number in range(kept - 1, 0, -1):
            older = path.with_suffix(f".log.{number}")
            if older.exists():
                older.replace(path.with_suffix(f".log.{number + 1}"))
        copy = path.with_suffix(".log.1")
        with path.open("rb") as source, copy.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)
        os.truncate(path, 0)


def tail(path: Path, lines: int) -> tuple[list[str], int]:
    """Return the last lines of a log, and the position after them."""
    if not path.exists():
        return [], 0
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 400 * lines - 4096))
        content = file.read(size)
        return content.decode(errors="replace").splitlines()[-lines:], file.tell()


class Follower:
    """What is appended to logs; `positions` says from where on each is read."""

    def __init__(self, paths: Mapping[str, Path], *, positions: Mapping[str, int]) -> None:
        self._paths = paths
        self._positions = dict(positions)
        self._rest = dict.fromkeys(paths, b"")

    def new_lines(self) -> Iterator[tuple[str, str]]:
        """Return (name, line) for every whole line since the last call; a log that was cut is read from its start."""
        for name, path in self._paths.items():
            try:
                size = path.stat().st_size
                if size < self._positions.get(name, 0):
                    self._positions[name] = 0
                if size == self._positions.get(name, 0):
                    continue
                with path.open("rb") as file:
                    file.seek(self._positions.get(name, 0))
                    block = self._rest[name] + file.read(1 << 20)
                    self._positions[name] = file.tell()
            except OSError:
                continue
            *whole, self._rest[name] = block.split(b"\n")
            for line in whole:
                yield name, line.decode(errors="replace")


def follow(paths: Mapping[str, Path], *, positions: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Return (name, line) for whatever is appended to the logs, forever."""
    follower = Follower(paths, positions=positions)
    while True:
        yield from follower.new_lines()
        time.sleep(PAUSE_SECONDS)
