"""What each alert must have: words with its measurement, a severity, a page of what to do, tests that show both."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from hune.alerting.catalogue import ALERTS
from hune.alerting.notifiers.next_steps import NEXT_STEPS
from hune.alerting.rules import render_rules
from hune.alerting.words import WORDS
from hune.site.models import Site
from support.rule_series import rules_of

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = ROOT / "tests" / "integration" / "rules"
OF_THE_HUB = {"ChainBroken"}
"""Raised by the hub itself; its own tests show both."""
ALWAYS = {"Watchdog"}
SPELLED_OUT = {"d": ("days", "jours"), "MB": ("MB", "Mo"), "GB": ("GB", "Go")}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_alert_says_what_was_measured_where_how_bad_it_is_and_what_to_read(full_site: Site, language: str) -> None:
    site = full_site.model_copy(update={"language": language})
    alerts = {rule["alert"]: rule for rule in rules_of(render_rules(site)) if "alert" in rule}
    assert set(alerts) == set(ALERTS) - OF_THE_HUB
    for name, rule in alerts.items():
        annotations, row = rule["annotations"], ALERTS[name]
        assert annotations["summary"], name
        assert len(annotations["description"]) > 20, name
        assert annotations["runbook_url"].endswith(f"/runbooks/{name}"), name
        severity = rule.get("labels", {}).get("severity")
        # Some carry their own, by what they are about.
        assert severity in ("critical", "warning") if row.severity in ("critical", "warning") else True, name
        if row.unit:
            assert {"value", "unit", "threshold"} <= set(annotations), name
            assert annotations["value"] in annotations["summary"], name
            units = SPELLED_OUT.get(row.unit, (row.unit,))
            assert any(unit in annotations["summary"] for unit in units), name
            told = annotations["summary"] + annotations["description"]
            assert annotations["threshold"] in told, name
        else:
            assert "unit" not in annotations, name


def test_each_alert_has_a_next_step_in_every_language() -> None:
    for language in WORDS:
        assert set(ALERTS) - set(NEXT_STEPS[language]) <= ALWAYS, language


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_each_runbook_says_what_it_means_when_it_is_over_what_to_check_and_what_to_do(name: str) -> None:
    title, meaning, *rest = (RUNBOOKS / f"{name}.md").read_text().split("\n\n")
    assert title == f"# {name}"
    assert len(meaning) > 60
    text = "\n\n".join(rest)
    assert "**It is " in text
    check, do = text.index("\n## Check"), text.index("\n## Do")
    assert check < do
    assert re.search(r"^1\. ", text[check:do], re.MULTILINE)
    assert text[do:].strip().count("\n") >= 1
    for page in re.findall(r"\]\(([A-Za-z]+\.md)\)", text):
        assert (RUNBOOKS / page).exists(), page


# -- tests ------------------------------------------------------------------------------------------------------


def test_each_alert_is_seen_to_fire_and_to_stay_silent_by_promtool() -> None:
    seen: dict[str, set[str]] = {"fires": set(), "silent": set()}
    for path in sorted(TESTS.glob("test_*.py")):
        module = _import(path)
        for function in _tests(module):
            for kind, names in _shown(function).items():
                seen[kind] |= names
    told = set(ALERTS) - OF_THE_HUB
    assert told - seen["fires"] == set()
    assert told - seen["silent"] == ALWAYS


def _import(path: Path) -> ModuleType:
    name = f"rules_seen.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tests(module: ModuleType) -> Iterator[FunctionType]:
    for name, function in vars(module).items():
        if name.startswith("test_") and isinstance(function, FunctionType):
            yield function


def _shown(function: Callable[..., None]) -> dict[str, set[str]]:
    """Return which alerts a test expects to fire, and which not to: `firing(second, name, labels)` and without."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    written = {text for text in constants if isinstance(text, str)} & set(ALERTS)
    shown: dict[str, set[str]] = {"fires": set(), "silent": set()}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Name) and call.func.id == "firing" and len(call.args) >= 2):
            continue
        name = call.args[1]
        names = {str(name.value)} if isinstance(name, ast.Constant) else written | _given(function)
        shown["fires" if len(call.args) > 2 else "silent"] |= names & set(ALERTS)
    return shown


def _given(function: Callable[..., None]) -> set[str]:
    """Return the alerts that a test is given as parameters."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    rows = [row if isinstance(row, tuple) else (row,) for mark in marks for row in mark.args[1]]
    return {value for row in rows for value in row if isinstance(value, str)}
