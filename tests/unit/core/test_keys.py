"""Keys to the doors of engines."""

import json
from pathlib import Path

import bcrypt

from hune.core import keys


def test_key_fits_its_lock_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "engine"
    keys.make(key)
    users = json.loads(keys.lock_of(key).read_text())["basic_auth_users"]
    assert len(keys.read(key)) >= 43
    assert bcrypt.checkpw(keys.read(key).encode(), users[keys.USER].encode())
    assert {path.stat().st_mode & 0o777 for path in key.parent.iterdir()} == {0o600}
    assert key.parent.stat().st_mode & 0o777 == 0o700


def test_key_stays_unless_its_lock_is_lost(tmp_path: Path) -> None:
    key = tmp_path / "engine"
    keys.make(key)
    before = keys.read(key)
    keys.make(key)
    assert keys.read(key) == before
    keys.lock_of(key).unlink()
    keys.make(key)
    assert keys.read(key) != before


def test_key_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert keys.read(tmp_path / "engine") == ""
