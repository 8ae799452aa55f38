"""The rules about Proxmox read what the exporter has, and nothing else."""

import re

from hune.alerting.catalogue.proxmox import PROBLEMS, SCRAPE, STATUS
from hune.alerting.rules import render_rules
from hune.alerting.words.proxmox import REASONS
from hune.collect.pve.collectors import ALL
from hune.collect.pve.compat import resources, status
from hune.collect.pve.protection import Code
from hune.site.models import Site

OF_THE_EXPORTER_ITSELF = {
    "pve_collector_success",
    "hune_pve_api_calls_total",
    "hune_pve_api_budget_calls_per_minute",
}


def test_every_series_that_rules_read_is_exposed(full_site: Site) -> None:
    upstream = (status.COLLECTOR, resources.collector(resources.NO_TRIM))
    exposed = {family.name for collector in (*ALL, *upstream) for family in collector.families}
    rules = render_rules(full_site)
    text = rules["hune-pve.yml"] + rules["hune-pve-heat.yml"]
    read = set(re.findall(r"(?<![\w:])(?:hune_)?(?:pve|guest)_\w+(?=[{\[ )])", text))
    assert len(read) > 30
    assert read <= exposed | OF_THE_EXPORTER_ITSELF


def test_every_collector_that_must_have_read_exists() -> None:
    needed = {collector for problem in PROBLEMS.values() for collector in problem.collectors}
    assert needed - {STATUS, SCRAPE} <= {collector.name for collector in ALL}


def test_every_reason_in_words_is_one_of_the_verdict() -> None:
    codes = {code.value for code in Code}
    for language, words in REASONS.items():
        assert set(words) <= codes, language
        assert set(words) == set(REASONS["en"])
