"""Asking a PostgreSQL as its clients do, and who runs it where root doesn't."""

from __future__ import annotations

import struct

import pytest

from hune.core.errors import InputError
from hune.stack.postgres_ping import objection, startup
from hune.stack.unprivileged import options

STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


def test_the_first_message_names_protocol_user_and_database() -> None:
    message = startup("me", "mine")
    assert struct.unpack("!ii", message[:8]) == (len(message), 3 << 16)
    assert message[8:] == b"user\0me\0database\0mine\0\0"


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        (b"R", struct.pack("!i", 10), None),
        (b"E", STARTING, "the database system is starting up"),
        (b"E", b"", "refuses connections"),
        (b"H", b"TTP/1.1 400", "answers with something else than PostgreSQL does"),
    ],
)
def test_what_a_server_answers_is_told(kind: bytes, body: bytes, told: str | None) -> None:
    assert objection(kind, body) == told


@pytest.mark.parametrize(
    ("permitted", "kept"),
    [(1 << 7 | 1 << 2 | 1 << 1, "-all,+dac_read_search"), (1 << 7 | 1 << 1, "-all,+dac_override"), (1 << 7, "-all")],
)
def test_of_root_s_rights_the_least_is_kept_that_passes_through_its_directories(permitted: int, kept: str) -> None:
    assert options(101, 104, permitted) == (
        "--reuid=101",
        "--regid=104",
        "--clear-groups",
        f"--inh-caps={kept}",
        f"--ambient-caps={kept}",
        "--no-new-privs",
    )


def test_root_that_may_not_become_another_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match=r"refuses root.*; run Hune as an ordinary user, or name a database"):
        options(101, 104, 0)
