"""Until when the certificates of each node are valid.

hune_pve_certificate_expiry_timestamp_seconds{node="pve-01",file="pveproxy-ssl.pem",subject="CN=pve-01"} 1798761600
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import records
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector
from hune.collect.pve.families import Exposition, Family

_PATH = "/nodes/{node}/certificates/info"
_TTL_SECONDS = 3600.0

_EXPIRY = Family(
    "hune_pve_certificate_expiry_timestamp_seconds",
    "gauge",
    "When a certificate of a node ceases to be valid.",
    ("node", "file", "subject"),
    _PATH,
)


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/certificates/info` into samples. Raises BadAnswer."""
    for certificate in records(answer, _PATH.format(node=node)):
        if "notafter" in certificate:
            file, subject = certificate.text("filename", ""), certificate.text("subject", "")
            out.add(_EXPIRY, certificate.amount("notafter"), node, file, subject)


async def collect(run: Collection) -> None:
    """Ask each node for its certificates."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)


COLLECTOR = Collector(name="certificates", scope="cluster", families=(_EXPIRY,), needs=(), collect=collect)
