"""The site file as JSON schema, for editors that complete and check while one writes."""

from __future__ import annotations

from typing import Any

from hune.site.models import Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of a site file, with a description on every setting."""
    return {"$schema": DIALECT, **Site.model_json_schema(), "title": "Hune site file"}
