"""A PostgreSQL for the tests of the store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support.postgresql import Postgresql, postgresql

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgresql]:
    """A server of this session."""
    with postgresql() as server:
        yield server


@pytest.fixture
def database(postgres: Postgresql) -> str:
    """The URL of an empty database of the test's own."""
    return postgres.new_database(f"test_{next(_NUMBERS)}")
