"""What the tests of the lab's alerts have in common: a channel that keeps what it gets, and a lab left whole."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from support.capture import Capture, capturing
from support.lab_alerts import make_whole
from support.product import Product


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    with capturing(tmp_path_factory.mktemp("discord")) as server:
        yield server


@pytest.fixture
def began(lab: Product) -> Iterator[float]:
    """The moment the test began; afterwards the lab is whole and nothing is open any more."""
    yield time.time()
    make_whole(lab)
