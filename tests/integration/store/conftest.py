"""Databases for the tests of the store: plain, and with TimescaleDB where there is one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support import timescale_server
from support.postgresql import Postgresql, postgresql
from support.timescale_server import TimescaleServer

collect_ignore = [] if timescale_server.URL else ["test_timescaledb.py"]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgresql]:
    """A server of this session."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session", params=["plain", *(["timescaledb"] if timescale_server.URL else [])])
def server(request: pytest.FixtureRequest) -> Postgresql | TimescaleServer:
    """Each server that the store has to do the same on."""
    if request.param == "timescaledb":
        return TimescaleServer()
    return request.getfixturevalue("postgres")  # type: ignore[no-any-return]


@pytest.fixture
def database(server: Postgresql | TimescaleServer) -> str:
    """The URL of an empty database of the test's own."""
    return server.new_database(f"test_{next(_NUMBERS)}")
