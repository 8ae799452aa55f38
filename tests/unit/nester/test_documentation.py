"""Every address, key and metric of the pages is documented."""

import re
from pathlib import Path
from typing import Any

from hune.nester.alert_pages import AlertPages
from hune.nester.api import Api
from hune.nester.archive_pages import ArchivePages
from hune.nester.pages import Pages
from hune.nester.sign_in_pages import SignInPages
from hune.nester.upkeep_pages import UpkeepPages

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "pages.md").read_text()


def test_every_address_is_documented() -> None:
    kinds: tuple[Any, ...] = (Pages, Api, AlertPages, ArchivePages, UpkeepPages, SignInPages)
    routes = [route for kind in kinds for route in kind.__new__(kind).routes()]
    # `/nodes/{name}` is written `/nodes/NAME`, and each kind of file by its own name.
    paths = {re.sub(r"\{\w+(:int)?\}", "[A-Z]+", route.path.replace("{kind}", "(?:csv|json)")) for route in routes}
    missing = [path for path in paths if not re.search(rf"`{path}[`/?]", TEXT)]
    assert missing == []


def test_every_metric_is_documented() -> None:
    source = (ROOT / "src" / "hune" / "nester" / "app.py").read_text()
    names = re.findall(r'"(hune_nester_\w+)"', source)
    assert names
    assert [name for name in names if f"`{name}" not in TEXT] == []


def test_every_key_is_documented() -> None:
    base = (ROOT / "src" / "hune" / "nester" / "templates" / "base.html").read_text()
    keys = re.findall(r'\("([^"]+)", "(?:search|overview|alerts|archive|maintenance|wall|theme|help)"\)', base)
    assert len(keys) >= 8
    assert [key for key in keys if f"`{key}`" not in TEXT] == []
