"""The stand-in for Discord in a process of its own, for products that are processes too."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.product import PATIENCE_SECONDS, wait_until


@dataclass(frozen=True)
class Message:
    """A message as it was accepted: when, posted or edited, and all its words in small letters."""

    at: float
    method: str
    id: str
    text: str


class Capture:
    """What a channel has received."""

    def __init__(self, url: str, record: Path) -> None:
        self.url = url
        self._record = record

    def messages(self, *words: str, since: float = 0.0) -> list[Message]:
        """Return the messages that contain all these words, oldest first."""
        found = []
        # What stands behind the last line break is still being written.
        for line in self._record.read_text().rpartition("\n")[0].splitlines():
            row = json.loads(line)
            if "payload" not in row or row["at"] < since:
                continue
            text = " ".join(_strings(row["payload"])).lower()
            if all(word.lower() in text for word in words):
                found.append(Message(row["at"], row["method"], row["id"], text))
        return found

    def wait_for(
        self, *words: str, since: float = 0.0, count: int = 1, seconds: float = PATIENCE_SECONDS
    ) -> list[Message]:
        """Return the messages once there are so many."""

        def enough() -> list[Message]:
            found = self.messages(*words, since=since)
            return found if len(found) >= count else []

        found = wait_until(enough, f"{count} messages with {words}", seconds=seconds)
        assert isinstance(found, list)
        return found

    def fail(self, **fault: Any) -> None:
        """Tell the server how to fail from now on."""
        base = self.url.split("/api/")[0]
        request = urllib.request.Request(
            f"{base}/control", json.dumps(fault).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


@contextlib.contextmanager
def capturing(folder: Path) -> Iterator[Capture]:
    """Run the server while the context lasts."""
    record = folder / "accepted.jsonl"
    argv = [sys.executable, "-m", "support.discord_server", "--port", str(free_port()), "--record", str(record)]
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen(argv, cwd=tests, stdout=subprocess.DEVNULL) as server:
        try:
            lines = wait_until(
                lambda: record.exists() and record.read_text().rpartition("\n")[0].splitlines(),
                "the capture server listens",
            )
            yield Capture(json.loads(lines[0])["listening"], record)
        finally:
            server.terminate()
