"""A newer engine is used only if everything works with it; otherwise the former one goes on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from hune.core.layout import Layout
from hune.stack.debian import Progress
from hune.stack.fetch import switch
from hune.stack.upgrade import upgrade
from support.product import Product, wait_until

NAME = "victoriametrics"
PROGRAM = "victoria-metrics"


def put(layout: Layout, version: str, content: str) -> None:
    """Lay an engine of a version into the data directory, as fetching does, and make it current."""
    program = layout.engines / NAME / version / "usr/bin" / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(content)
    program.chmod(0o755)
    switch(layout, NAME, version)


def a_working_one() -> str:
    return f'#!/bin/sh\nexec {shutil.which(PROGRAM)} "$@"\n'


@pytest.mark.parametrize(
    ("newer", "outcome", "in_use"),
    [
        (a_working_one(), "upgraded", "2.0"),
        ("#!/bin/sh\nexit 1\n", "put back: ", "1.0"),
        ('#!/bin/sh\ntest "$1" = --version || exit 3\n', "put back: ", "1.0"),
    ],
    ids=["works", "does not run", "runs but does not work"],
)
def test_an_upgrade_ends_with_an_engine_that_works(
    product: Product, monkeypatch: pytest.MonkeyPatch, newer: str, outcome: str, in_use: str
) -> None:
    # One that doesn't work is waited for until the end; what works is waited for with patience.
    monkeypatch.setattr("hune.stack.upgrade._SETTLE_SECONDS", 15.0 if "test" in newer else 120.0)

    def note(text: str) -> None:
        if text.startswith("going back"):
            monkeypatch.setattr("hune.stack.upgrade._SETTLE_SECONDS", 120.0)

    layout = Layout(product.data_dir)
    put(layout, "1.0", a_working_one())
    product.up()

    def fetch(layout: Layout, names: Sequence[str], progress: Progress) -> None:
        assert list(names) == [NAME]
        put(layout, "2.0", newer)

    rows = {row["name"]: row for row in upgrade(layout, note, fetch=fetch)}
    assert rows[NAME]["outcome"].startswith(outcome)
    assert rows[NAME]["now"] == in_use
    assert "not fetched by Hune" in rows["prometheus"]["outcome"]
    wait_until(lambda: product.health()["healthy"], "everything works")
    argv = Path(f"/proc/{product.pid(NAME)}/cmdline").read_bytes().split(b"\0")
    assert shutil.which(PROGRAM) == argv[0].decode()
    listed = {row["name"]: row for row in product.ask("engines")}
    assert listed[NAME]["fetched"][0] == in_use
