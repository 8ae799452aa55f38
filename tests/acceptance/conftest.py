"""One running product for the tests that don't break it, fresh ones for those that do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.product import Product


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """This machine under supervision, everything working."""
    product = Product(tmp_path_factory.mktemp("running"))
    try:
        product.up()
        yield product
    finally:
        product.down()


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A product that is not running yet; it is stopped after the test."""
    product = Product(tmp_path)
    yield product
    product.down()
