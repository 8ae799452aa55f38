"""Until when the stores hold everything, by what the conductor writes down: so that a rule can tell of it."""

from __future__ import annotations

import json
from contextlib import suppress

from hune.core.layout import Layout
from hune.site.models import Site


def complete_until(layout: Layout, site: Site) -> dict[str, float]:
    """Return until when each store holds everything (seconds since the epoch); nothing where no conductor runs."""
    found = {}
    for store in ("victoriametrics", "timescale") if layout.socket.exists() else ():
        if site.wants(store):
            with suppress(OSError, ValueError, KeyError, TypeError):
                found[store] = float(json.loads(layout.complete(store).read_bytes())["complete_until"])
    return found
