"""A site with some of everything that rules and routing know."""

import pytest

from hune.site.models import Site


@pytest.fixture
def full_site() -> Site:
    return Site.model_validate(
        {
            "name": "home",
            "public_url": "https://hune.example/",
            "nodes": [
                {"name": "here", "address": "127.0.0.1"},
                {
                    "name": "pve-01",
                    "address": "192.0.2.11",
                    "kind": "proxmox",
                    "links": [
                        {"device": "enp1s0f0", "speed": "10G", "name": "storage A"},
                        {"device": "enp1s0f1", "speed": "10G", "name": "storage B"},
                    ],
                },
                {
                    "name": "pve-02",
                    "address": "192.0.2.12",
                    "kind": "proxmox",
                    "links": [{"device": "enp1s0f0", "speed": "2.5G"}, {"device": "vmbr0.20"}],
                    "thresholds": {"cpu_celsius": 80, "chips": {"platform_coretemp_0": {"limit": 75, "clear": 60.5}}},
                },
                {
                    "name": "box.03",
                    "address": "192.0.2.13",
                    "labels": {"room": "attic"},
                    "thresholds": {"link_flaps": 5},
                },
                {"name": "lab-01", "address": "127.0.1.11", "kind": "proxmox", "lab": True},
            ],
            "expects": [{"name": "paris", "key": "env:PARIS_KEY"}],
            "proxmox": [
                {
                    "name": "home",
                    "nodes": ["pve-01", "pve-02"],
                    "token": {"id": "hune@pve!metrics", "secret": "env:TOKEN"},
                    "thresholds": {"storage_warning_ratio": 0.7},
                },
                {"name": "lab", "nodes": ["lab-01"], "login": {"user": "hune@pve", "password": "env:PASSWORD"}},
                {"name": "not-asked", "nodes": ["pve-01"]},
            ],
            "stores": {"timescale": {}},
            "proxmox_thresholds": {"certificate_days": 30},
            "probes": [
                {"name": "web", "type": "http", "target": "https://web.example/", "certificate_days": 21},
                {"name": "gate", "type": "icmp", "target": "192.0.2.1", "severity": "warning"},
                {"name": "names", "type": "dns", "target": "192.0.2.1", "query": "a.example", "interval_seconds": 60},
            ],
            "receivers": [
                {"name": "operations", "discord": {"webhook": "env:OPERATIONS"}},
                {"name": "night", "discord": {"webhook": "env:NIGHT"}, "daily_test": "07:30"},
                {"name": "workshop", "discord": {"webhook": "env:WORKSHOP"}, "lab": True},
                {"name": "unused", "console": True},
            ],
            "routes": [
                {"receivers": ["operations", "workshop"]},
                {"match": {"severity": "critical"}, "receivers": ["night"]},
                {"match": {"room": "attic", "kind": "linux"}, "receivers": ["night"]},
                {"match": {"node": 'a "quoted\\ name', "alertname": "LinkDown"}, "receivers": ["night", "operations"]},
            ],
        }
    )
