"""Sites for tests: the examples, and sites that ask for something special, on a machine that is always the same."""

from __future__ import annotations

from pathlib import Path

from hune.site.detect import ThisHost
from hune.site.load import load, load_text
from hune.site.models import Site

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
HOST = ThisHost(name="machine", kind="linux", has_address=lambda address: address in ("127.0.0.1", "192.0.2.1"))


def example(path: Path) -> Site:
    """Return a site of the examples."""
    return load(path, environ={}, host=HOST)


def site_of(text: str) -> Site:
    """Return the site that a text describes."""
    return load_text(text, "site.yaml", HOST)


ODD = """
name: odd
listen: 0.0.0.0
nodes:
  - {name: me, address: 192.0.2.1, alive: "tcp:22"}
  - {name: far, address: "2001:db8::7", labels: {owner: "${HOME} $$ \\"quoted\\""}}
probes:
  - {name: dollar, type: http, target: "http://192.0.2.9/$HOME"}
engines:
  prometheus: {port: 19090, version: '3.5.0'}
  node_exporter: {port: 19100, ignored_devices: "^(veth|tap$|lo$)"}
services:
  hub: {port: 19094}
  nester: {port: 18080}
receivers:
  - {name: chat, discord: {webhook: "file:/etc/hune/chat $1.txt"}}
  - {name: again, discord: {webhook: "env:OTHER_WEBHOOK"}}
routes:
  - {receivers: [chat, again]}
proxmox:
  - {name: cluster, nodes: [far], token: {id: "hune@pve!read", secret: "env:PVE_SECRET"}}
stores:
  timescale:
    url: "file:/etc/hune/data base $1"
    query: true
    metrics:
      - {match: "node_(cpu|disk)_.*$", retention: 30d}
"""
"""Everything that Compose or systemd could take for something else: dollars, quotes, spaces, IPv6, other ports."""

ELSEWHERE = """
name: elsewhere
this_host: false
nodes:
  - {name: far, address: 198.51.100.7}
engines:
  prometheus: {url: "http://198.51.100.20:9090"}
  victoriametrics: {url: "https://store.example.com/select"}
  node_exporter: {url: "http://198.51.100.7:9100"}
services:
  hub: {url: "http://198.51.100.21:9094"}
"""
"""Half of it runs elsewhere already."""
