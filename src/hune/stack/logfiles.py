"""Logs that don't grow without bound, and following them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 10 << 20
KEPT = 3


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


def follow(
    paths: dict[str, Path], *, positions: dict[str, int], pause_seconds: float = 0.3
) -> Iterator[tuple[str, str]]:
    """Return (name, line) for whatever is appended to the logs, forever; cut logs are read from their start."""
    rest = dict.fromkeys(paths, b"")
    while True:
        quiet = True
        for name, path in paths.items():
            try:
                size = path.stat().st_size
                if size < positions.get(name, 0):
                    positions[name] = 0
                if size == positions.get(name, 0):
                    continue
                with path.open("rb") as file:
                    file.seek(positions.get(name, 0))
                    block = rest[name] + file.read(1 << 20)
                    positions[name] = file.tell()
            except OSError:
                continue
            quiet = False
            *whole, rest[name] = block.split(b"\n")
            for line in whole:
                yield name, line.decode(errors="replace")
        if quiet:
            time.sleep(pause_seconds)
