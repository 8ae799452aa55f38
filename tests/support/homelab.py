"""The site that the pages are tested with."""

from __future__ import annotations

from typing import Any

from hune.site.models import Site


def homelab(*, engines_port: int, hub_port: int, nester_port: int, **changes: Any) -> Site:
    """Return a site of three Proxmox nodes and this host, whose engines are served here."""
    links = [{"device": "enp1s0f0", "speed": "10G", "name": "f0"}, {"device": "enp1s0f1", "speed": "10G", "name": "f1"}]
    given: dict[str, Any] = {
        "name": "homelab",
        "nodes": [
            *(
                {"name": f"pve-{n:02}", "address": f"192.168.1.1{n}", "kind": "proxmox", "links": links}
                for n in (1, 2, 3)
            ),
            {"name": "watch", "address": "127.0.0.1"},
        ],
        "probes": [
            {"name": "internet", "type": "icmp", "target": "9.9.9.9"},
            {"name": "nas", "type": "tcp", "target": "192.168.1.20:445"},
            {"name": "website", "type": "http", "target": "https://example.org/"},
        ],
        "engines": {
            "prometheus": {"url": f"http://127.0.0.1:{engines_port}/prometheus"},
            "victoriametrics": {"url": f"http://127.0.0.1:{engines_port}/store"},
        },
        "services": {"hub": {"port": hub_port}, "nester": {"port": nester_port}},
    }
    return Site.model_validate({**given, **changes})
