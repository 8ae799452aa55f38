"""Beside prometheus-pve-exporter itself: the same series, of whatever cluster, in every scope."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.fakepve_server import FakePve, fakepve
from support.pve_exporters import Exporter

SCOPES = [(1, 1), (1, 0), (0, 1), (0, 0)]
NOW = 1786870800

NODES = ("pve-01", "pve-02", "PVE-03")
HA = ("started", "stopped", "error", "fence", "freeze", "online", "maintenance", "ignored", "", None)
LOCKS = ("backup", "snapshot-delete", "migrate", "suspended", "unheard-of", None)
NUMBERS = ("cpu", "maxcpu", "mem", "maxmem", "disk", "maxdisk", "netin", "netout", "diskread", "diskwrite", "uptime")

numbers_of_hosts = itertools.count(1)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
numbers = (
    st.integers(0, 2**52) | st.floats(0, 1e15) | st.integers(0, 10**6).map(str) | st.sampled_from([0, 0.0, 1e-9, 1e21])
)


@st.composite
def resources(draw: st.DrawFn, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Complete an entry of the cluster's resources with some of what Proxmox may tell of such a thing."""
    some = draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    found = {"type": kind, **entry, **{key: draw(numbers) for key in some}}
    optional: dict[str, Any] = {"hastate": draw(st.sampled_from(HA))}
    if kind in ("qemu", "lxc"):
        optional |= {
            "lock": draw(st.sampled_from(LOCKS)),
            "tags": draw(texts),
            "template": draw(st.sampled_from([0, 1])),
        }
    if kind == "storage":
        contents = draw(st.permutations(["iso", "images", "backup", "vztmpl"]))
        optional |= {
            "content": ",".join(contents[: draw(st.integers(0, 4))]),
            "shared": draw(st.sampled_from([0, 1, "1"])),
        }
    return found | {key: value for key, value in optional.items() if value is not None and draw(st.booleans())}


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """Return the description of a cluster, or of a lone node."""
    nodes = {name: number == 0 or draw(st.booleans()) for number, name in enumerate(NODES[: draw(st.integers(1, 3))])}
    local, names = NODES[0], list(nodes)
    guests: dict[str, list[dict[str, Any]]] = {"qemu": [], "lxc": []}
    rows = []
    for vmid in range(100, 100 + draw(st.integers(0, 8))):
        kind, node = draw(st.sampled_from(["qemu", "lxc"])), draw(st.sampled_from(names))
        onboot = draw(st.sampled_from([0, 1, None]))
        guests[kind].append(
            {"vmid": vmid, "name": f"g{vmid}", "node": node, "config": {} if onboot is None else {"onboot": onboot}}
        )
        entry = {
            "id": f"{kind}/{vmid}",
            "vmid": vmid,
            "node": node,
            "status": draw(st.sampled_from(["running", "stopped"])),
        }
        rows.append(draw(resources(kind, entry | ({"name": draw(texts)} if draw(st.booleans()) else {}))))
    for node in names:
        rows.append(draw(resources("node", {"id": f"node/{node}", "node": node, "status": "online"})))
        entry = {"id": f"storage/{node}/tank", "node": node, "storage": "tank", "plugintype": "zfspool"}
        rows.append(draw(resources("storage", entry | {"status": draw(st.sampled_from(["available", "unknown"]))})))
    rows += draw(
        st.sampled_from([[], [{"type": "sdn", "id": "sdn/a/b", "status": "ok"}, {"type": "pool", "id": "/pool/x"}]])
    )
    members = [
        {
            "type": "node",
            "id": f"node/{n}",
            "name": n,
            "nodeid": i,
            "level": draw(st.sampled_from(["", "c"])),
            "ip": "192.0.2.1",
        }
        | {"online": int(nodes[n]), "local": int(n == local)}
        for i, n in enumerate(names, 1)
    ]
    itself = {"type": "cluster", "id": "cluster", "name": draw(st.sampled_from(["home", "lab-2"])), "nodes": len(names)}
    itself |= {"quorate": draw(st.sampled_from([0, 1])), "version": draw(st.integers(1, 99))}
    job = {
        "id": "100-0",
        "type": "local",
        "source": local,
        "target": names[-1],
        "guest": 100,
        "vmtype": "qemu",
        "jobnum": 0,
    }
    state = {"duration": draw(numbers), "fail_count": 2, "last_sync": NOW, "last_try": NOW, "next_sync": NOW + 900}
    subscription = {
        "status": draw(st.sampled_from(["active", "notfound", "odd"])),
        "level": draw(st.sampled_from(["c", "p"])),
    }
    answers = {
        "/cluster/status": members if len(names) == 1 and draw(st.booleans()) else [itself, *members],
        "/cluster/resources": rows,
        "/cluster/backup-info/not-backed-up": [
            {"type": "qemu", "vmid": vmid, "name": "x"}
            for vmid in draw(st.lists(st.integers(100, 199), max_size=3, unique=True))
        ],
        "/cluster/config/qdevice": draw(
            st.sampled_from(
                [{}, {"Model": "Net", "State": "Connected"}, {"QNetd host": 'a"b', "State": "Connect failed"}]
            )
        ),
        f"/nodes/{local}/replication": draw(st.sampled_from([[], [job | state], [job]])),
        f"/nodes/{local}/replication/100-0/status": job | state,
        f"/nodes/{local}/subscription": subscription
        | draw(st.sampled_from([{}, {"nextduedate": "2027-03-01"}, {"nextduedate": ""}])),
    }
    return {
        "nodes": dict.fromkeys(names, True),
        "vms": guests["qemu"],
        "cts": guests["lxc"],
        "answers": answers,
        "frozen_at": NOW,
    }


def compare(both: tuple[Exporter, Exporter], pve: FakePve) -> None:
    upstream, ours = both
    for cluster, node in SCOPES:
        asked: dict[str, object] = {"target": f"{pve.host}:{pve.port}", "cluster": cluster, "node": node}
        expected, found = upstream.series("/pve", asked), ours.series("/pve", asked)
        assert found - expected == set(), f"cluster={cluster} node={node}"
        assert expected - found == set(), f"cluster={cluster} node={node}"
        assert bool(found) == bool(cluster or node)
    # What was kept meanwhile says the same.
    everything = {"target": f"{pve.host}:{pve.port}"}
    assert ours.series("/pve", everything) == upstream.series("/pve", everything)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(clusters())
def test_any_cluster_has_the_same_series_in_every_scope(
    both: tuple[Exporter, Exporter], description: dict[str, Any]
) -> None:
    # Each at an address of its own: what our exporter keeps of one must not be taken for the other's.
    with fakepve({**description, "host": f"127.0.77.{next(numbers_of_hosts)}"}) as pve:
        compare(both, pve)


def test_what_the_simulation_says_by_itself_has_the_same_series(both: tuple[Exporter, Exporter]) -> None:
    description = {
        "name": "lab",
        "nodes": {"pve-01": True, "pve-02": False, "pve-03": True},
        "vms": [
            {"vmid": 100 + n, "name": f"vm{n}", "node": f"pve-0{1 + n % 3}", "status": "running"} for n in range(9)
        ],
        "cts": [{"vmid": 200, "name": "ct", "node": "pve-01", "template": True, "lock": "backup"}],
        "frozen_at": NOW,
        "answers": {"/nodes/pve-01/replication": []},
    }
    with fakepve(description) as pve:
        compare(both, pve)


@pytest.mark.parametrize(
    "query",
    [
        {"module": "default"},
        {"module": "unheard-of"},
        {"cluster": "false", "node": "FALSE"},
        {"cluster": "", "node": "0"},
        {"cluster": "no", "node": "0"},
        {"cluster": "00", "node": "False"},
    ],
)
def test_parameters_are_read_the_same_way(
    both: tuple[Exporter, Exporter], cluster: FakePve, query: dict[str, str]
) -> None:
    upstream, ours = both
    asked = {"target": f"{cluster.host}:{cluster.port}", **query}
    expected, found = upstream.get("/pve", asked), ours.get("/pve", asked)
    assert found[0] == expected[0]
    assert bool(found[1]) == bool(expected[1])


def test_its_own_series_have_upstreams_names(both: tuple[Exporter, Exporter], cluster: FakePve) -> None:
    upstream, ours = both
    for running in both:
        running.get("/pve", {"target": f"{cluster.host}:{cluster.port}"})
        running.get("/pve", {"target": f"{cluster.host}:{cluster.port}", "module": "unheard-of"})

    def own(running: Exporter) -> set[tuple[str, str, object]]:
        return {row[:3] for row in running.series("/metrics") if row[0].startswith("pve_")}

    assert own(ours) == own(upstream)
