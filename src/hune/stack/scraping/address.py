"""How a job says where it asks."""

from __future__ import annotations

import re
from typing import Any


def targets_of(url: str) -> dict[str, Any]:
    """Return scheme, path prefix and static target of a base URL."""
    match = re.fullmatch(r"(https?)://([^/]+)(/.*)?", url)
    assert match, url
    prefix = {"path_prefix": match[3]} if match[3] else {}
    return {"scheme": match[1], **prefix, "static_configs": [{"targets": [match[2]]}]}
