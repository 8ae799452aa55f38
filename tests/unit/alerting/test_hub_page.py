"""The page about the hub names everything it offers."""

from pathlib import Path

import pytest

from hune.alerting.hub.metrics import HubMetrics
from hune.alerting.state.episode import Ending, State

PAGE = (Path(__file__).parents[3] / "docs" / "hub.md").read_text()


def test_every_series_is_documented() -> None:
    families = {family.name: family.type for family in HubMetrics().registry.collect()}
    for name, kind in families.items():
        assert f"`{name}{'_total' if kind == 'counter' else ''}`" in PAGE


@pytest.mark.parametrize(
    "word", ["POST /webhook", "GET /alerts", "GET /digests/{number}", "GET /health", "GET /metrics"]
)
def test_every_door_is_documented(word: str) -> None:
    assert word in PAGE


@pytest.mark.parametrize("word", [*State, *Ending, "sent", "pending", "failed", "dead"])
def test_every_state_is_documented(word: str) -> None:
    assert f"`{word}`" in PAGE
