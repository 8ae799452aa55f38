"""What is rendered for Prometheus: golden copies, and what holds for every site."""

from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from hune.alerting.catalogue import ALERTS
from hune.alerting.routing import render_alertmanager
from hune.alerting.rules import render_rules
from hune.alerting.words import WORDS
from hune.site.models import Site
from support import golden

GOLDEN = Path(__file__).parent / "golden"
RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"


def rules_of(site: Site) -> list[dict[str, Any]]:
    files = [YAML(typ="safe").load(text) for text in render_rules(site).values()]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts_of(site: Site) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules_of(site) if "alert" in rule}


def test_rules_are_those_of_the_golden_copies(full_site: Site) -> None:
    rendered = render_rules(full_site)
    assert set(rendered) == {
        "hune-site.yml",
        "hune-fast.yml",
        "hune-slow.yml",
        "hune-machine.yml",
        "hune-own.yml",
        "hune-pve.yml",
        "hune-pve-heat.yml",
    }
    for name, text in rendered.items():
        golden.check(GOLDEN / name, text)


def test_rendering_depends_on_nothing_but_the_site(full_site: Site) -> None:
    assert render_rules(full_site) == render_rules(Site.model_validate(full_site.model_dump()))


@pytest.mark.parametrize("site", [Site(name="bare"), Site.model_validate({"nodes": [{"name": "a", "address": "::1"}]})])
def test_sites_without_ports_and_probes_have_rules_too(site: Site) -> None:
    assert {"CpuHot", "NodeDown", "Watchdog"} <= set(alerts_of(site))


def test_sites_without_clusters_know_nothing_of_proxmox(full_site: Site) -> None:
    site = full_site.model_copy(update={"proxmox": []})
    assert set(render_rules(site)) == {
        "hune-site.yml",
        "hune-fast.yml",
        "hune-slow.yml",
        "hune-machine.yml",
        "hune-own.yml",
    }
    assert "pve_" not in "".join(render_rules(site).values())
    assert "cluster" not in render_alertmanager(site)


def test_rules_are_as_many_for_any_number_of_guests_and_few_more_for_a_cluster(full_site: Site) -> None:
    clusters = [full_site.proxmox[0].model_copy(update={"name": f"c{i}"}) for i in range(50)]
    many = full_site.model_copy(update={"proxmox": clusters})
    assert len(rules_of(many)) - len(rules_of(full_site)) == 2 * 48


def test_every_expression_is_promql(full_site: Site) -> None:
    for rule in rules_of(full_site):
        promql_parser.parse(rule["expr"])


def test_rules_and_catalogue_name_the_same_alerts(full_site: Site) -> None:
    alerts = alerts_of(full_site)
    assert set(alerts) == set(ALERTS) - {"ChainBroken"}
    for name, rule in alerts.items():
        assert rule.get("labels", {}).get("severity") == ALERTS[name].severity


def test_each_alert_has_its_words_in_every_language() -> None:
    for language, words in WORDS.items():
        assert set(words) == set(ALERTS), language


@pytest.mark.parametrize("language", ["en", "fr"])
def test_alerts_speak_the_language_of_the_site(full_site: Site, language: str) -> None:
    site = full_site.model_copy(update={"language": language})
    for name, rule in alerts_of(site).items():
        words, annotations = ALERTS[name].words(language), rule["annotations"]
        assert words.summary.partition("{")[0] in annotations["summary"]
        assert words.description.partition("{")[0] in annotations["description"]
        assert annotations["runbook_url"] == f"https://hune.example/runbooks/{name}"
        assert "{node}" not in str(annotations)


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == set(ALERTS)
    for page in RUNBOOKS.glob("*.md"):
        assert page.read_text().startswith(f"# {page.stem}\n"), page.name


def test_a_fleet_of_one_kind_takes_one_rule_a_node_and_few_more() -> None:
    links = [{"device": f"enp1s0f{i}", "speed": "10G"} for i in range(2)]
    nodes = [{"name": f"n{i}", "address": f"192.0.{i >> 8}.{i & 255}", "links": links} for i in range(1000)]
    site = Site.model_validate({"name": "fleet", "nodes": nodes})
    assert len(rules_of(site)) < 1140
