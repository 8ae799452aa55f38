"""Keys in links: what they permit, for how long, and that nobody else can make one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.alerting.doors import keys
from hune.alerting.doors.keys import LIFE_SECONDS, Grant, Keys
from hune.core.errors import InputError

OURS = Keys(b"s" * 32)
NOW = 1_000_000.25


def test_key_of_a_message_permits_its_own_alert_for_thirty_days() -> None:
    key = OURS.for_alert(17, "phone.of-anna", now=NOW)
    assert OURS.grant(key, now=NOW) == Grant(17, "phone.of-anna", 1_000_001)
    assert OURS.grant(key, now=NOW + LIFE_SECONDS - 1) is not None
    assert OURS.grant(key, now=NOW + LIFE_SECONDS + 1) is None


def test_key_of_the_operator_permits_everything() -> None:
    assert OURS.grant(OURS.for_operator(now=NOW), now=NOW) == Grant(None, "", 1_000_001)


def test_no_key_ends_in_what_a_sentence_ends_in() -> None:
    assert OURS.for_operator(now=NOW)[-1].isalnum()
    assert OURS.for_alert(1, "mail", now=NOW)[-1].isalnum()


def test_changed_key_permits_nothing() -> None:
    key = OURS.for_alert(17, "mail", now=NOW)
    mac, expires, _, receiver = key.split(".")
    claims = [f"{expires}.18.{receiver}", f"{int(expires) + 1}.17.{receiver}", f"{expires}.0.", f"{expires}.17.other"]
    for claim in claims:
        assert OURS.grant(f"{mac}.{claim}", now=NOW) is None
    for place in range(len(key)):
        assert OURS.grant(key[:place] + ("A" if key[place] != "A" else "B") + key[place + 1 :], now=NOW) is None
    assert Keys(b"t" * 32).grant(key, now=NOW) is None


@given(st.text(max_size=300))
def test_nothing_that_somebody_writes_is_a_key(text: str) -> None:
    assert OURS.grant(text, now=NOW) is None


def test_key_stands_in_a_url_as_it_is() -> None:
    key = OURS.for_alert(2**62, "r" * 63, now=NOW)
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(key) <= 120
    assert key not in repr(OURS)


def test_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub" / "link-key"
    with pytest.raises(InputError, match="link-key: missing; the hub makes it"):
        keys.read(path)
    key = keys.load(path).for_alert(1, "mail", now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert keys.load(path).grant(key, now=NOW) is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.read(path).grant(key, now=NOW) is not None


def test_damaged_secret_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "link-key"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="too short"):
        keys.read(path)
    keys.load(path)
    assert len(path.read_bytes()) == 32


def test_hub_that_cannot_keep_its_secret_has_one_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("no directory")
    kept = keys.load(tmp_path / "hub" / "link-key")
    assert kept.grant(kept.for_operator(now=NOW), now=NOW) is not None
