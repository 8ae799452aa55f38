"""Grafana beside the stack: its image, and the data sources it finds at its first start."""

from __future__ import annotations

from typing import Any

from hune.alerting.yaml_text import to_yaml
from hune.site.models import Site

NAME = "grafana"
IMAGE = "grafana/grafana:13.2.3"
PORT = 3000
PASSWORD_SECRET = "grafana_admin_password"  # noqa: S105 - the name of a secret

ENVIRONMENT = {
    "GF_SECURITY_ADMIN_PASSWORD__FILE": f"/run/secrets/{PASSWORD_SECRET}",
    # The root file system is read-only: nothing is logged to a file, no plugin is fetched or replaced at a start.
    "GF_LOG_MODE": "console",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_PLUGINS_PREINSTALL_AUTO_UPDATE": "false",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_USERS_ALLOW_SIGN_UP": "false",
}


def files(site: Site) -> dict[str, str]:
    """Return what Grafana is provisioned with: the store for history, Prometheus for now."""
    sources = {
        "apiVersion": 1,
        "datasources": [
            _source("Hune", "hune-store", site.url("victoriametrics"), default=True),
            _source("Hune, now", "hune-prometheus", site.url("prometheus"), default=False),
        ],
    }
    return {"datasources/hune.yaml": to_yaml(sources, comment="Written by Hune: where Grafana's panels read.")}


def _source(name: str, uid: str, url: str, *, default: bool) -> dict[str, Any]:
    return {
        "name": name,
        "uid": uid,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "isDefault": default,
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
    }
