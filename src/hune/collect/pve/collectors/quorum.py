"""Who is in the cluster and whether there are votes enough (corosync).

hune_pve_node_online{node="pve-03"} 0
hune_pve_quorum_quorate 1
hune_pve_quorum_votes 2
hune_pve_quorum_votes_expected 3
hune_pve_quorum_votes_needed 2
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import record, records
from hune.collect.pve.asking import ask
from hune.collect.pve.cluster import STATUS, Cluster, read_cluster
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import NotThere, PveError

_MEMBERS = "/cluster/config/nodes"
_QDEVICE = "/cluster/config/qdevice"
_PRIVILEGE = "Sys.Audit on /"
_MEMBERS_TTL_SECONDS = 300.0
_QDEVICE_TTL_SECONDS = 30.0

_ONLINE = Family(
    "hune_pve_node_online",
    "gauge",
    "1 if corosync counts the node as a member now, else 0: what is asked of nodes is asked of the members only.",
    ("node",),
    STATUS,
    _PRIVILEGE,
)
_QUORATE = Family("hune_pve_quorum_quorate", "gauge", "1 if the cluster has quorum, else 0.", (), STATUS, _PRIVILEGE)
_NODES = Family("hune_pve_quorum_nodes", "gauge", "Nodes of the cluster, online or not.", (), STATUS, _PRIVILEGE)
_VERSION = Family(
    "hune_pve_quorum_config_version", "gauge", "Version of the corosync configuration.", (), STATUS, _PRIVILEGE
)
_VOTES = Family(
    "hune_pve_quorum_votes",
    "gauge",
    "Votes present: of the nodes online and a connected QDevice.",
    (),
    _MEMBERS,
    _PRIVILEGE,
)
_EXPECTED = Family(
    "hune_pve_quorum_votes_expected", "gauge", "Votes of all nodes and the QDevice.", (), _MEMBERS, _PRIVILEGE
)
_NEEDED = Family("hune_pve_quorum_votes_needed", "gauge", "Votes that make a quorum.", (), _MEMBERS, _PRIVILEGE)
_NODE_VOTES = Family("hune_pve_quorum_node_votes", "gauge", "Votes of a node.", ("node",), _MEMBERS, _PRIVILEGE)
_QDEVICE_CONNECTED = Family(
    "hune_pve_quorum_qdevice_connected",
    "gauge",
    "1 if the QDevice is connected, else 0; absent without one.",
    ("model", "algorithm"),
    _QDEVICE,
    _PRIVILEGE,
)


def parse_status(cluster: Cluster, out: Exposition) -> None:
    """Turn what `/cluster/status` says into samples; a lone node has no quorum to tell of."""
    for node in cluster.nodes:
        out.add(_ONLINE, node.online, node.name)
    if cluster.name:
        out.add(_QUORATE, cluster.quorate)
        out.add(_NODES, len(cluster.nodes))
        out.add(_VERSION, cluster.config_version)


def parse_votes(cluster: Cluster, members: Any, qdevice: Any, out: Exposition) -> None:
    """Turn answers of `/cluster/config/nodes` and `/cluster/config/qdevice` into samples.

    `qdevice` is None if it could not be had: then there are no sums, which would be wrong. The API doesn't tell a
    QDevice's votes; they follow from its algorithm: for last-man-standing one less than the nodes have, else one.
    Raises BadAnswer.
    """
    online = set(cluster.online)
    present = expected = 0
    for member in records(members, _MEMBERS):
        node = member.text("name", "") or member.text("node")
        votes = member.whole("quorum_votes", 1)
        out.add(_NODE_VOTES, votes, node)
        expected += votes
        present += votes if node in online else 0
    if qdevice is None:
        return
    device = record(qdevice, _QDEVICE)
    if state := device.text("State", ""):
        algorithm = device.text("Algorithm", "")
        votes = max(expected - 1, 1) if algorithm.lower().startswith(("lms", "last")) else 1
        connected = state.lower().startswith("connected")
        out.add(_QDEVICE_CONNECTED, connected, device.text("Model", ""), algorithm)
        expected += votes
        present += votes if connected else 0
    if expected:
        out.add(_VOTES, present)
        out.add(_EXPECTED, expected)
        out.add(_NEEDED, expected // 2 + 1)


async def collect(run: Collection) -> None:
    """Ask for the cluster's status, its members and its QDevice."""
    cluster = await read_cluster(run.source)
    parse_status(cluster, run.out)
    if not cluster.name:
        return

    async def qdevice() -> Any:
        try:
            return await ask(run.source, _QDEVICE, max_age_seconds=_QDEVICE_TTL_SECONDS)
        except NotThere:
            return {}
        except PveError as error:
            run.missed(error)
            return None

    try:
        members = await ask(run.source, _MEMBERS, max_age_seconds=_MEMBERS_TTL_SECONDS)
        out = Exposition()
        parse_votes(cluster, members, await qdevice(), out)
    except PveError as error:
        run.missed(error)
    else:
        run.out.extend(out)


COLLECTOR = Collector(
    name="quorum",
    scope="cluster",
    families=(_ONLINE, _QUORATE, _NODES, _VERSION, _VOTES, _EXPECTED, _NEEDED, _NODE_VOTES, _QDEVICE_CONNECTED),
    needs=(Needs("Sys.Audit", "/"),),
    collect=collect,
)
