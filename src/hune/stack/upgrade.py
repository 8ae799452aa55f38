"""Newer engines: fetched beside the present ones, checked, switched to, and left again if they don't work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hune.core.errors import HuneError, Unavailable
from hune.core.layout import Layout
from hune.http.control import call
from hune.site.models import Site
from hune.stack.debian import Progress
from hune.stack.engines import ENGINES
from hune.stack.fetch import fetch, fetched_versions, find_engine, switch

_SETTLE_SECONDS = 120.0


Fetch = Callable[[Layout, Sequence[str], Progress], object]


def upgrade(layout: Layout, progress: Progress, *, fetch: Fetch = fetch) -> list[dict[str, str]]:
    """Fetch the newest versions of all fetched engines and use them; return a row an engine.

    Each row: `name`, `before`, `now`, `outcome`. A running stack is switched and watched until everything
    works; if it doesn't, the former versions are put back and the outcome says why.
    """
    site = Site()
    if layout.site_json.exists():
        site = Site.model_validate_json(layout.site_json.read_text())
    names = [name for name in ENGINES if site.wants(name)]
    before = {name: (fetched_versions(layout, name) or [""])[0] for name in names}
    ours = [name for name in names if before[name]]
    rows = []
    if ours:
        # fetch() makes the new ones current; the old ones stay beside them.
        fetch(layout, ours, progress)
    now = {name: (fetched_versions(layout, name) or [""])[0] for name in names}
    changed = [name for name in ours if now[name] != before[name]]
    failure = ""
    if changed:
        try:
            for name in changed:
                find_engine(site, layout, name)
            progress(f"switching {', '.join(changed)}")
            _take_into_use(layout, progress)
        except HuneError as error:
            failure = str(error)
            for name in changed:
                switch(layout, name, before[name])
            progress(f"going back: {failure}")
            _take_into_use(layout, progress)
    for name in names:
        if not before[name]:
            binary = find_engine(site, layout, name)
            outcome = (
                f"not fetched by Hune ({binary.path}): upgrade it where it comes from" if binary else "not here yet"
            )
        elif name not in changed:
            outcome = "is the newest"
        else:
            outcome = f"put back: {failure}" if failure else "upgraded"
        rows.append(
            {"name": name, "before": before[name], "now": before[name] if failure else now[name], "outcome": outcome}
        )
    return rows


def _take_into_use(layout: Layout, progress: Progress) -> None:
    """Reload a running stack and wait until everything works; nothing to do if none runs.

    Raises HuneError if it refuses, Unavailable if it doesn't work in time.
    """
    try:
        status, answer = call(layout.socket, "POST", "/reload", timeout_seconds=900.0)
    except Unavailable:
        progress("Hune is not running here: the new versions are used at the next start")
        return
    if status != 200:
        raise HuneError(answer["detail"])
    began = time.monotonic()
    reasons: list[str] = []
    while time.monotonic() - began < _SETTLE_SECONDS:
        time.sleep(1.0)
        _, report = call(layout.socket, "GET", "/health", timeout_seconds=30.0)
        if report["healthy"]:
            return
        reasons = [f"{row['name']}: {row['detail']}" for row in report["services"] if not row["healthy"]]
    raise Unavailable("; ".join(reasons))
