"""Every address, key and metric of the pages is documented."""

import re
from pathlib import Path

from hune.nester.api import Api
from hune.nester.pages import Pages

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "pages.md").read_text()


def test_every_address_is_documented() -> None:
    routes = [*Pages.__new__(Pages).routes(), *Api.__new__(Api).routes()]
    # `/nodes/{name}` is written `/nodes/NAME`.
    paths = {re.sub(r"\{\w+\}", "[A-Z]+", route.path) for route in routes}
    missing = [path for path in paths if not re.search(rf"`{path}[`/?]", TEXT)]
    assert missing == []


def test_every_metric_is_documented() -> None:
    source = (ROOT / "src" / "hune" / "nester" / "app.py").read_text()
    names = re.findall(r'"(hune_nester_\w+)"', source)
    assert names
    assert [name for name in names if f"`{name}" not in TEXT] == []


def test_every_key_is_documented() -> None:
    base = (ROOT / "src" / "hune" / "nester" / "templates" / "base.html").read_text()
    keys = re.findall(r'\("([^"]+)", "(?:search|overview|alerts|wall|theme|help)"\)', base)
    assert len(keys) >= 6
    assert [key for key in keys if f"`{key}`" not in TEXT] == []
