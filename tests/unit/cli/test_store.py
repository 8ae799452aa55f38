"""What `hune store` understands, and what it prints without asking anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hune.cli.store import _moment, _plain
from hune.core.errors import InputError
from hune.promapi.remote import Matcher
from hune.store.assignment import FILE, Assignment
from hune.store.backfill import parse_matcher
from support.store_command import store

NOW = 1_790_000_000.0


def test_a_moment_is_an_age_or_a_date() -> None:
    assert _moment("90s", NOW) == NOW - 90
    assert _moment("2w", NOW) == NOW - 14 * 86_400
    assert _moment("2026-01-31", NOW) == 1_769_817_600
    assert _moment("2026-01-31T12:00", NOW) == _moment("2026-01-31T13:00+01:00", NOW)
    for text in ("", "5", "5 days", "-3d", "2026-13-01"):
        with pytest.raises(InputError, match="neither an age nor a date"):
            _moment(text, NOW)


def test_a_matcher_is_written_as_in_promql_without_quotation_marks() -> None:
    assert parse_matcher("job=node") == Matcher("job", "=", "node")
    assert parse_matcher("__name__=~node_(a|b=)") == Matcher("__name__", "=~", "node_(a|b=)")
    assert parse_matcher("a!=") == Matcher("a", "!=", "")
    for text in ("job", "=node", "a b=c", "1a=b"):
        with pytest.raises(InputError, match="not a matcher"):
            parse_matcher(text)


def test_numbers_that_json_lacks_are_texts() -> None:
    assert [_plain(one) for one in (1.5, float("inf"), None, True, "a")] == [1.5, "inf", None, True, "a"]
    assert _plain(float("nan")) == "nan"


def test_how_to_connect_is_told_without_a_secret(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    url = "postgresql://hune@127.0.0.1:5433/hune?passfile=/keys"
    (tmp_path / "config" / FILE).write_text(Assignment(url, "127.0.0.1", 9201).to_json())
    found = store("sql", "--json", HUNE_DATA_DIR=str(tmp_path)).document
    assert found["connect"] == f'psql "{url}"'
    assert [one["name"] for one in found["examples"]] == sorted(one["name"] for one in found["examples"])
    assert store("sql", "--database", "env:THERE").output.startswith('-- psql "$THERE"\n')
    assert json.dumps("psql \"$(cat '/a b')\"") in store("sql", "--database", "file:/a b", "--json").output
