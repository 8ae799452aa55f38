"""The page on Proxmox says what the code does."""

import re
from pathlib import Path
from typing import Any, get_args

from ruamel.yaml import YAML

from hune.collect.pve.assignment import AskedCluster
from hune.pve.account import Outcome
from hune.site.models import Site

PAGE = (Path(__file__).parents[3] / "docs" / "proxmox.md").read_text()


def test_every_outcome_of_a_call_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert sorted(explained) == sorted(set(get_args(Outcome)) - {"ok", "cancelled"})


def test_example_is_right_and_its_limits_are_those_told() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document: Any = YAML(typ="safe", pure=True).load(block)
    document["proxmox"][0]["token"]["secret"] = "env:SECRET"
    site = Site.model_validate(document)
    access = AskedCluster.of(site, site.proxmox[0]).access({"SECRET": "s3cr3t"})
    assert [str(endpoint) for endpoint in access.endpoints] == ["192.168.1.11:8006", "192.168.1.12:8006"]
    assert access.account == "hune@pve!metrics"
    assert access.learn_nodes
    assert f"At most so many calls at once ({access.limits.concurrency})" in PAGE
    assert f"more than {access.limits.max_answer_bytes >> 20} MiB" in PAGE


def test_login_budget_and_fingerprints_reach_the_client() -> None:
    fingerprints = [":".join(["AB"] * 32), ":".join(["CD"] * 32)]
    site = Site.model_validate(
        {
            "nodes": [{"name": "a", "address": "10.0.0.1"}],
            "proxmox": [
                {
                    "name": "c",
                    "nodes": ["a"],
                    "login": {"user": "hune@pve", "password": "env:P"},
                    "fingerprint": fingerprints,
                    "budget": 600,
                }
            ],
        }
    )
    access = AskedCluster.of(site, site.proxmox[0]).access({"P": "p4ssw0rd"})
    assert access.account == "hune@pve"
    assert access.trust.fingerprints == tuple(fingerprints)
    assert access.limits.calls_per_minute == 600
