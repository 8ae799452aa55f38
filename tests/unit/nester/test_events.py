"""What the event stream sends: what changed, nothing else."""

from markupsafe import Markup

from hune.nester.events import _changes
from hune.nester.views.look import Look, Part


def look(**regions: dict[str, str]) -> Look:
    parts = {
        name: tuple(Part(key, Markup(html)) for key, html in given.items())  # noqa: S704
        for name, given in regions.items()
    }
    return Look("", "up", parts, {})


def test_first_look_is_sent_whole() -> None:
    known: dict[str, dict[str, int]] = {}
    assert _changes(look(nodes={"a": "1", "b": "2"}), known) == {
        "nodes": {"keys": ["a", "b"], "html": {"a": "1", "b": "2"}}
    }


def test_nothing_new_sends_nothing() -> None:
    known: dict[str, dict[str, int]] = {}
    _changes(look(nodes={"a": "1"}, alerts={}), known)
    assert _changes(look(nodes={"a": "1"}, alerts={}), known) == {}


def test_changed_part_is_sent_alone() -> None:
    known: dict[str, dict[str, int]] = {}
    _changes(look(nodes={"a": "1", "b": "2"}), known)
    assert _changes(look(nodes={"a": "1", "b": "3"}), known) == {"nodes": {"keys": ["a", "b"], "html": {"b": "3"}}}


def test_new_order_sends_only_the_keys() -> None:
    known: dict[str, dict[str, int]] = {}
    _changes(look(nodes={"a": "1", "b": "2"}), known)
    assert _changes(look(nodes={"b": "2", "a": "1"}), known) == {"nodes": {"keys": ["b", "a"], "html": {}}}


def test_emptied_region_is_sent() -> None:
    known: dict[str, dict[str, int]] = {}
    _changes(look(alerts={"a": "1"}), known)
    assert _changes(look(alerts={}), known) == {"alerts": {"keys": [], "html": {}}}
