"""The rules of a site, as Prometheus reads them: a pure function of the site."""

from __future__ import annotations

from hune.alerting.rules.constants import constants
from hune.alerting.rules.fast import fast
from hune.alerting.rules.machine import machine
from hune.alerting.rules.model import Group
from hune.alerting.rules.own import own
from hune.alerting.rules.pve import pve
from hune.alerting.rules.pve_heat import pve_heat
from hune.alerting.rules.slow import slow
from hune.alerting.yaml_text import to_yaml
from hune.site.models import Site

__all__ = ["groups", "render_rules"]


def render_rules(site: Site) -> dict[str, str]:
    """Return the rule files of a site: file name → YAML."""
    return {f"{group.name}.yml": to_yaml(group.as_data(), comment=_COMMENTS[group.name]) for group in groups(site)}


def groups(site: Site) -> list[Group]:
    """Return the groups of rules of a site."""
    of_all = [constants(site), fast(site), slow(site), machine(site), own(site)]
    return [*of_all, pve(site), pve_heat()] if site.asked_clusters else of_all


_COMMENTS = {
    "hune-site": "Written by Hune from the site file: what the site says, as series.",
    "hune-fast": "Written by Hune: what is true this second, and what must be told at once.",
    "hune-slow": "Written by Hune: what takes minutes to judge.",
    "hune-machine": "Written by Hune: what is wrong with machines, as their exporters tell.",
    "hune-own": "Written by Hune: what is wrong with Hune itself.",
    "hune-pve": "Written by Hune: what is wrong with Proxmox VE, its guests and what they lie on.",
    "hune-pve-heat": "Written by Hune: each guest beside the heat of its host.",
}
