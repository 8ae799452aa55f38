"""What is rendered for Alertmanager."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hune.alerting.catalogue import ALERTS
from hune.alerting.routing import render_alertmanager
from hune.site.models import Site
from support import golden


def test_routing_is_that_of_the_golden_copy(full_site: Site) -> None:
    golden.check(Path(__file__).parent / "golden" / "alertmanager.yml", render_alertmanager(full_site))


def test_each_receiver_is_one_webhook_of_the_hub(full_site: Site) -> None:
    config: dict[str, Any] = YAML(typ="safe").load(render_alertmanager(full_site))
    webhook = {"url": "http://127.0.0.1:9094/webhook", "send_resolved": True, "max_alerts": 0}
    receivers = {receiver["name"]: receiver.get("webhook_configs") for receiver in config["receivers"]}
    assert receivers == {
        "_nobody": None,
        "_chain": [{**webhook, "send_resolved": False}],
        **{name: [webhook] for name in ("console", "operations", "night", "workshop", "unused")},
    }


def test_no_alert_waits_in_the_group_of_another(full_site: Site) -> None:
    config: dict[str, Any] = YAML(typ="safe").load(render_alertmanager(full_site))
    assert config["route"]["group_wait"] == "0s"
    for alert in ALERTS.values():
        assert {"alertname", "lab", *alert.identity} <= set(config["route"]["group_by"]), alert.name
