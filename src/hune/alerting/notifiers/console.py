"""The console: one line an alert on standard output, which the log keeps."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from hune.alerting.notifiers import Digest, Notice, Receipt, TryLater
from hune.alerting.notifiers.phrasing import Wording, clean, cut, lasted
from hune.alerting.state.episode import State

_COLOURS = {
    "critical": "1;35",
    "warning": "33",
    "info": "36",
    "alert": "36",
    "resolved": "32",
    "passed": "32",
    "unwatched": "2",
}


class ConsoleNotifier:
    """Prints alerts; coloured on a terminal, or if FORCE_COLOR asks for it, unless NO_COLOR forbids it."""

    edits = False

    def __init__(self, wording: Wording, environ: Mapping[str, str], stream: TextIO | None = None) -> None:
        self._wording = wording
        self._stream = stream or sys.stdout
        self._coloured = not environ.get("NO_COLOR") and (bool(environ.get("FORCE_COLOR")) or self._stream.isatty())

    async def tell(self, notice: Notice) -> Receipt:
        await self._print(self.line(notice))
        return Receipt(edited=False)

    async def tell_digest(self, digest: Digest) -> Receipt:
        await self._print("\n".join(map(self.line, digest.notices)))
        return Receipt(edited=False)

    async def edit(self, _notice: Notice) -> bool:
        return False

    async def say(self, text: str) -> None:
        await self._print(clean(text))

    def line(self, notice: Notice) -> str:
        """Return an alert as a line: `12:00:07Z 🔥 CRITICAL CpuHot pve-02: CPU hot · 78 °C (limit 70 °C)`."""
        wording, episode, kind = self._wording, notice.episode, self._wording.kind(notice)
        moment = datetime.fromtimestamp(notice.now, UTC).strftime("%H:%M:%SZ")
        badge = wording.badge(kind) + (f" {wording.say('lab')}" if episode.is_lab else "")
        summary = wording.summary(notice)
        facts = [summary]
        value, limit = wording.value(episode), wording.limit(episode)
        # A summary that names the limit names the value too.
        if notice.told is State.FIRING and value and not (limit and limit in summary):
            facts.append(f"{value} ({wording.say('limit', limit)})" if limit else value)
        if where := wording.where(episode, besides=summary):
            facts.append(where)
        if again := wording.again(notice):
            facts.append(again)
        if notice.told is State.RESOLVED:
            facts.append(wording.say("after", lasted(episode)))
            if peak := wording.peak(episode):
                facts.append(wording.say("peak_of", peak))
        name = clean(episode.alertname)
        text = cut(" · ".join(facts) if facts[0] == name else f"{name} {' · '.join(facts)}", 1000)
        if self._coloured:
            badge = f"\x1b[{_COLOURS[kind]}m{badge}\x1b[0m"
        return f"{moment} {badge} {text}"

    async def _print(self, text: str) -> None:
        await asyncio.to_thread(self._write, text + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            self._stream.write(text.encode("ascii", "replace").decode())
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise TryLater(f"standard output: {getattr(error, 'strerror', None) or error}") from error
