"""Jobs through the blackbox exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hune.stack.scraping.address import targets_of

if TYPE_CHECKING:
    from hune.site.models import Site

# A server may write what it likes into its certificate, and show another one each time.
_NOT_OF_THE_CERTIFICATE = {"action": "labeldrop", "regex": "issuer|subject|subjectalternative|serialnumber"}


def probe_jobs(site: Site) -> list[dict[str, Any]]:
    """Return one job for all probes; interval and timeout travel as each target's own labels."""
    return [
        {
            "job_name": "probe",
            "metrics_path": "/probe",
            "static_configs": [
                {
                    "targets": [probe.target],
                    "labels": {
                        "probe": probe.name,
                        "type": probe.type,
                        "__param_module": f"probe_{probe.name}",
                        "__scrape_interval__": _seconds(probe.interval_seconds),
                        "__scrape_timeout__": _seconds(probe.timeout_seconds),
                    },
                }
                for probe in site.probes
            ],
            "relabel_configs": through_blackbox(site),
            "metric_relabel_configs": [_NOT_OF_THE_CERTIFICATE],
        }
    ]


def through_blackbox(site: Site) -> list[dict[str, Any]]:
    target = targets_of(site.url("blackbox-exporter"))
    rules: list[dict[str, Any]] = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": target["static_configs"][0]["targets"][0]},
        {"target_label": "__scheme__", "replacement": target["scheme"]},
    ]
    if prefix := target.get("path_prefix"):
        rules.append({"target_label": "__metrics_path__", "replacement": f"{prefix}/probe"})
    return rules


def _seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"
