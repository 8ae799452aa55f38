"""The last word, past hub and Alertmanager: whoever can hear it does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hune.alerting.notifiers import TryLater, emergency
from hune.site.models import Receiver, Site


class Way:
    """A notifier that does what its name says."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told

    async def say(self, text: str) -> None:
        if self.name == "faulty":
            raise RuntimeError("a library's fault")
        if self.name == "busy":
            raise TryLater("answered 503")
        if self.name == "silent":
            await asyncio.Event().wait()
        self.told.append(f"{self.name}: {text}")


async def test_fault_or_silence_of_one_channel_leaves_the_last_word_to_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    names = ("faulty", "busy", "silent", "working")
    site = Site.model_validate(
        {"name": "home", "receivers": [{"name": name, "discord": {"webhook": "env:A"}} for name in names]}
    )

    def make(receiver: Receiver, _setting: Any) -> Any:
        return Way(receiver.name, told)

    monkeypatch.setattr(emergency, "make_notifier", make)
    monkeypatch.setattr(emergency, "_PATIENCE_SECONDS", 0.2)
    session: Any = None
    assert await emergency.send_emergency(site, {}, "the hub is dead", session) == 1
    assert told == ["working: 🆘 Hune · home: the hub is dead"]
    assert "silent: could not be told: no answer in time" in caplog.text
    assert "busy: could not be told: answered 503" in caplog.text
