"""What the adapter of a site is to do: rendered from the site, read by the adapter; plain data that travels as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hune.store.policy import Policy

if TYPE_CHECKING:
    from hune.site.models import Site

FILE = "timescale.json"
"""Its name among the rendered files."""


@dataclass(frozen=True)
class Assignment:
    """Where the adapter listens, where its database is (a reference, or a URL without a password), what it keeps."""

    database: str
    host: str
    port: int
    retention_days: int | None = None
    policies: tuple[Policy, ...] = ()

    @classmethod
    def of(cls, site: Site, private_url: str) -> Assignment:
        """Return what a site asks of its adapter; `private_url` is the database if the site names none."""
        from hune.site.values import days_of, seconds_of

        store = site.stores.timescale
        assert store is not None
        return cls(
            database=store.url or private_url,
            host=site.listen,
            port=site.port("timescale"),
            retention_days=days_of(store.retention) if store.retention else None,
            policies=tuple(
                Policy(
                    match=metric.match,
                    retention_days=days_of(metric.retention) if metric.retention else None,
                    thin_after_days=days_of(metric.downsample.after) if metric.downsample else None,
                    thin_every_seconds=seconds_of(metric.downsample.every) if metric.downsample else 0,
                )
                for metric in store.metrics
            ),
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Assignment:
        """Rebuild an assignment that `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        return cls(**{**raw, "policies": tuple(map(Policy.from_raw, raw["policies"]))})
