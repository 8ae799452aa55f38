"""What becomes of `stores` where no conductor runs: an adapter to a database that the site names, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from hune.site.models import Site
from hune.site.stores import Stores


def carried(site: Site, *, with_query: bool) -> Site:
    """Return a site without what only a conductor can run: a PostgreSQL of its own, and all that needs it."""
    store = site.stores.timescale
    if site.wants("postgresql"):
        return site.model_copy(update={"stores": Stores()})
    if store is not None and not with_query:
        return site.model_copy(update={"stores": Stores(timescale=store.model_copy(update={"query": False}))})
    return site


def notes(site: Site, *, with_query: bool) -> Iterator[str]:
    """Yield what is left out."""
    if site.wants("postgresql"):
        yield (
            "stores.timescale is left out: a PostgreSQL of Hune's own is run by hune up alone; "
            "name one with stores.timescale.url"
        )
    elif site.wants("timescale-query") and not with_query:
        yield "stores.timescale.query is left out: PromQL from PostgreSQL is answered under hune up and systemd only"
