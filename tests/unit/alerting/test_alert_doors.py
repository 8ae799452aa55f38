"""Who may change something at the hub."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from hune.alerting.doors.access import Actor, Barred, may
from hune.alerting.doors.keys import LIFE_SECONDS, Keys
from hune.alerting.state.episode import Episode
from support.notices import episode

KEYS = Keys(b"s" * 32)
NOW = 3_000_000.0


def asked(client: str = "127.0.0.1", **headers: str) -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [
            (name.replace("_", "-").lower().encode(), text.encode("latin-1")) for name, text in headers.items()
        ],
        "server": ("192.0.2.5", 9094),
        "client": (client, 40000),
    }
    return Request(scope)


def alert(**changes: Any) -> Episode:
    return episode(**changes)


def test_whoever_is_on_this_machine_may_do_everything() -> None:
    actor = may(asked(), KEYS, now=NOW)
    actor.check_everything()
    actor.check(alert())


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (asked("192.0.2.6"), 403),
        (asked(X_Hune_Page="1"), 401),
        (asked(X_Hune_Page=""), 401),
        (asked(Authorization="Bearer nothing"), 401),
        (asked(Authorization="Bearer"), 401),
        (asked(Authorization="Basic Zm9vOmJhcg=="), 401),
        (asked(Authorization="Bearer \xff\xfe.1.1.x"), 401),
    ],
)
def test_others_may_do_nothing_without_a_key(request_of: Request, status: int) -> None:
    with pytest.raises(Barred) as barred:
        may(request_of, KEYS, now=NOW)
    assert barred.value.status == status


def test_key_of_a_message_is_for_its_own_alert() -> None:
    key = KEYS.for_alert(12, "mail", now=NOW)
    actor = may(asked("192.0.2.6", Authorization=f"Bearer {key}", X_Hune_Page="1"), KEYS, now=NOW)
    assert actor == Actor(12, "mail", NOW, NOW + LIFE_SECONDS)
    actor.check(alert())
    with pytest.raises(Barred) as barred:
        actor.check(alert(id=13))
    assert barred.value.status == 403
    with pytest.raises(Barred) as barred:
        actor.check_everything()
    assert barred.value.status == 403


def test_key_is_for_no_younger_alert_of_the_same_number() -> None:
    old = Actor(12, "mail", alert().received_at - 1)
    with pytest.raises(Barred):
        old.check(alert())


def test_operators_key_is_for_everything() -> None:
    key = KEYS.for_operator(now=NOW)
    may(asked("192.0.2.6", Authorization=f"bearer {key}"), KEYS, now=NOW).check_everything()
