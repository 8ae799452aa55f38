"""A pair of Alertmanagers in the plan, in what Prometheus is told, and in Compose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession
from ruamel.yaml import YAML

from hune.core.clock import SystemClock
from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.deploy import compose
from hune.site.models import Site
from hune.stack.checkup import Checkup
from hune.stack.engines import ENGINES, prometheus
from hune.stack.plan import make_plan
from hune.stack.setting import Binary, Setting
from support.sites import site_of

TEXT = """
name: home
this_host: false
nodes: [{name: far, address: 192.0.2.7}]
engines:
  alertmanager:
    cluster: {listen: "192.0.2.1:9096", peers: ["192.0.2.2:9096"]}
    others: [{url: "http://192.0.2.2:9093/", key_file: /etc/hune/other}]
"""


def setting(site: Site) -> Setting:
    binaries = {name: Binary(Path(f"/usr/bin/{name}")) for name in ENGINES}
    return Setting(site, Layout(Path("/data")), binaries, ("hune",), with_keys=True)


def test_prometheus_tells_both_and_both_are_watched() -> None:
    plan = make_plan(setting(site_of(TEXT)))
    rendered = json.loads(next(file.content for file in plan.files if file.path == "prometheus.yml"))
    assert rendered["alerting"]["alertmanagers"] == [
        {
            "api_version": "v2",
            "scheme": "http",
            "static_configs": [{"targets": ["127.0.0.1:9093"]}],
            "basic_auth": {"username": "hune", "password_file": "/data/keys/alertmanager"},
        },
        {
            "api_version": "v2",
            "scheme": "http",
            "static_configs": [{"targets": ["192.0.2.2:9093"]}],
            "basic_auth": {"username": "hune", "password_file": "/etc/hune/other"},
        },
    ]
    watched = {one.name: (one.kind, one.url, one.process, one.key) for one in plan.watched if "alert" in one.name}
    assert watched == {
        "alertmanager": ("alertmanager", "http://127.0.0.1:9093", "alertmanager", ""),
        "alertmanager 192.0.2.2:9093": ("alertmanager", "http://192.0.2.2:9093", "", "/etc/hune/other"),
    }
    argv = next(process.argv for process in plan.processes if process.name == "alertmanager")
    assert {"--cluster.listen-address=192.0.2.1:9096", "--cluster.peer=192.0.2.2:9096"} < set(argv)
    assert "--cluster.peer-timeout=1s" in argv


def test_compose_publishes_the_gossip_at_the_hosts_own_address() -> None:
    rendering = compose.render(site_of(TEXT), compose.Image())
    assert any("gossip of Alertmanager is published on 192.0.2.1:9096" in note for note in rendering.notes)
    services = YAML(typ="safe").load(rendering.files["compose.yaml"])["services"]
    gossip = services["alertmanager"]
    assert gossip["ports"][1:] == ["192.0.2.1:9096:9096/tcp", "192.0.2.1:9096:9096/udp"]
    assert {"--cluster.listen-address=0.0.0.0:9096", "--cluster.advertise-address=192.0.2.1:9096"} < set(
        gossip["command"]
    )
    for name in ("prometheus", "hub"):
        assert "/etc/hune/other:/etc/hune/other:ro" in services[name]["volumes"]


class Metrics(Checkup):
    """What a Prometheus says of itself."""

    def __init__(self) -> None:
        super().__init__(cast("ClientSession", None), "", SystemClock())
        self.errors = {"a": 0.0, "b": 0.0}

    async def get(self, path: str, *, accept: tuple[int, ...] = (200,)) -> bytes:
        lines = [f'prometheus_notifications_errors_total{{alertmanager="{one}"}} {n}' for one, n in self.errors.items()]
        lines += ["prometheus_notifications_alertmanagers_discovered 2", "prometheus_config_last_reload_successful 1"]
        return "\n".join(lines).encode()


async def test_prometheus_works_as_long_as_it_reaches_one_of_them() -> None:
    metrics = Metrics()
    await prometheus.check(metrics)
    metrics.errors["b"] += 7.0
    await prometheus.check(metrics)
    metrics.errors = {name: count + 1.0 for name, count in metrics.errors.items()}
    with pytest.raises(Unavailable, match="1 alerts did not reach Alertmanager"):
        await prometheus.check(metrics)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("cluster: {listen: '192.0.2.1', peers: ['a:1']}", "not an address with a port"),
        ("cluster: {listen: 'somewhere:9096', peers: ['a:1']}", "not an IP address of this machine"),
        ("cluster: {listen: '192.0.2.1:9096', peers: []}", "peers"),
        ("cluster: {listen: '192.0.2.1:9094', peers: ['a:1']}", "port 9094 is that of hub"),
        ("{url: 'http://a:1', cluster: {listen: '192.0.2.1:9096', peers: ['a:1']}}", "runs elsewhere"),
        ("others: [{url: 'http://192.0.2.2:9093'}]", "without a cluster"),
    ],
)
def test_what_can_not_be_is_refused(line: str, problem: str) -> None:
    inner = line if line.startswith("{") else f"{{{line}}}"
    with pytest.raises(InputError, match=problem):
        site_of(f"name: home\nengines: {{alertmanager: {inner}}}\n")
