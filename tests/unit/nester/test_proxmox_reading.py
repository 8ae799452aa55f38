"""What the answers about a cluster mean, how guests are chosen, and how a cluster is judged."""

import re
from dataclasses import replace

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.collect.pve.collectors import ALL
from hune.collect.pve.compat import resources, status
from hune.nester.judge import judge_cluster, overall
from hune.nester.proxmox import queries
from hune.nester.proxmox.choice import PAGE_GUESTS, SORTS, Choice, choose
from hune.nester.proxmox.model import Ceph
from hune.nester.proxmox.reading import read_health, read_seen, read_status
from hune.promapi.prometheus import Sample
from support.clusters import cluster, detail, guest, guest_rows, node_rows, verdict_rows
from support.snapshots import NOW, alert, snapshot

EXPRESSIONS = (
    queries.SEEN,
    queries.SEEN_BEFORE,
    queries.LOAD,
    queries.status_of("lab"),
    queries.health_of("lab"),
    queries.all_status_of("lab"),
    queries.all_details_of("lab"),
    queries.guests_of("lab"),
    queries.all_of_guest("lab", "qemu/101"),
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_is_promql(expression: str) -> None:
    promql_parser.parse(expression)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_nothing_is_told_apart_by_labels_that_are_not_known(expression: str) -> None:
    assert "without" not in expression
    assert not re.search(r"\b(sum|max|min) by \(\)", expression)
    # A selector of an exporter names its job: somebody else may use the same names.
    assert all("job=" in braces for braces in re.findall(r"(?<!\{)\{([^{}]+)\}", expression))


def test_every_series_that_is_asked_for_is_exposed() -> None:
    upstream = (status.COLLECTOR, resources.collector(resources.NO_TRIM))
    families = [family for collector in (*ALL, *upstream) for family in collector.families]
    exposed = {family.name for family in families} | {"pve_collector_success", "hune_pve_collector_problems"}
    known = {label for family in families for label in family.labels}
    for expression in (queries.all_status_of("lab"), queries.all_details_of("lab"), queries.all_of_guest("lab", "x")):
        for names in re.findall(r'__name__=~"([^"]+)"', expression):
            for branch in re.split(r"\|(?![^(]*\))(?=hune_|pve_)", names):
                assert any(re.fullmatch(branch, name) for name in exposed), branch
        for labels in re.findall(r"by \(__name__, ([^)]+)\)", expression):
            # The last two are the exporter's own.
            assert set(labels.split(", ")) <= known | {"collector", "kind", "privilege", "acl_path"}


def sample(value: float, **labels: str) -> Sample:
    return Sample(labels, value, NOW)


def test_what_may_not_be_seen_leaves_the_rest_of_the_status() -> None:
    assert read_status([]) == {}
    assert read_status([sample(3.0, read="running")]) == {"running": 3, "stopped": 0, "unseen": 0}
    assert read_status([sample(3.0, read="nodes"), sample(2.0, read="nodes_up")])["running"] == 0


def test_health_is_read_by_its_parts() -> None:
    found = read_health(
        [
            sample(1, read="quorate"),
            sample(1, read="online", node="pve-01"),
            sample(0, read="online", node="pve-02"),
            sample(1, read="ceph_health"),
            sample(200, read="ceph_size"),
            sample(50, read="ceph_used"),
            sample(4, read="verdict", state="unprotected"),
            sample(0, read="collector", collector="zfs"),
            sample(1, read="collector", collector="ha"),
            sample(float("nan"), read="votes"),
        ]
    )
    assert found["offline"] == ("pve-02",)
    assert found["ceph"] == Ceph(1, 0.25)
    assert found["verdicts"] == {"unprotected": 4}
    assert (found["lacking"], found["collectors"]) == (("zfs",), 2)
    assert "votes" not in found


def test_seen_is_by_cluster_and_what_was_read() -> None:
    assert read_seen([sample(9.0, cluster="lab", seen="status")]) == {("lab", "status"): 9.0}


def test_guest_is_put_together_from_status_and_collectors() -> None:
    found = detail(
        [*node_rows(), *guest_rows(104, "sql-1"), ("pve_ha_state", 1.0, {"id": "qemu/104", "state": "started"})],
        [
            *verdict_rows(104, "unprotected", ("backup-late", "nightly")),
            ("hune_pve_guest_backup_last_timestamp_seconds", NOW - 10, {"id": "qemu/104", "storage": "a"}),
            ("hune_pve_guest_backup_last_timestamp_seconds", NOW - 90, {"id": "qemu/104", "storage": "b"}),
        ],
    )
    (sql,) = found.guests
    assert (sql.vmid, sql.status, sql.ha, sql.verdict) == (104, "running", "started", "unprotected")
    assert sql.reasons == (("backup-late", "nightly"),)
    assert (sql.backup_at, sql.memory_ratio, sql.tags) == (NOW - 10, 0.5, ("prod", "db"))


def test_guest_on_a_node_that_is_offline_is_unknown_and_not_stopped() -> None:
    found = detail([*node_rows(up=0.0), *guest_rows(104, up=0.0)])
    assert found.guests[0].status == "unknown"
    assert detail([*node_rows(), *guest_rows(104, up=0.0)]).guests[0].status == "stopped"
    assert detail([*node_rows(), *guest_rows(104)[:1]]).guests[0].status == "unknown"


def test_a_verdict_that_is_not_told_is_none_and_one_that_nobody_knows_too() -> None:
    rows = [*node_rows(), *guest_rows(104)]
    assert detail(rows).guests[0].verdict is None
    assert detail(rows, verdict_rows(104, "splendid")).guests[0].verdict is None


@given(st.text(), st.text(), st.text())
def test_any_name_node_and_tags_are_read(name: str, node: str, tags: str) -> None:
    (found,) = detail(guest_rows(100, name, node, tags=tags)).guests
    assert (found.name, found.node) == (name, node)


@given(st.text(max_size=80))
def test_any_address_is_a_choice_and_its_query_asks_for_the_same(query: str) -> None:
    choice = Choice.parse(query)
    assert Choice.parse(choice.query) == choice
    assert choose([guest(n) for n in range(5)], choice, {}).pages >= 1


def test_what_makes_no_sense_is_left_out() -> None:
    assert Choice.parse("show=everything&sort=--cpu&page=-4&q=%20%20") == Choice()
    assert Choice.parse("show=ha&sort=-cpu&page=2&q=a%20b") == Choice("ha", "a b", "-cpu", 2)


def test_worst_come_first_then_by_number() -> None:
    guests = [
        guest(104),
        guest(103, verdict="unprotected"),
        guest(102, status="unknown"),
        guest(101, ha="error"),
        guest(105, status="stopped", verdict="idle"),
    ]
    shown = choose(guests, Choice(), {}).guests
    assert [each.vmid for each in shown] == [101, 102, 103, 104, 105]


def test_words_look_into_number_name_node_and_tags() -> None:
    guests = [guest(101, name="mail"), guest(202, tags=("prod",)), guest(303, node="pve-03")]
    for words, found in (("mail", 101), ("202", 202), ("PROD", 202), ("pve-03 303", 303)):
        assert [each.vmid for each in choose(guests, Choice(words=words), {}).guests] == [found]


@pytest.mark.parametrize("name", SORTS)
def test_every_order_can_be_turned_around_and_bears_what_is_not_known(name: str) -> None:
    guests = [guest(1, cpu_ratio=None, verdict=None), guest(2, name="", node="", tags=("z",)), guest(3, ha="started")]
    there = choose(guests, Choice(sort=name), {"pve-01": 47.0}).guests
    back = choose(guests, Choice(sort=f"-{name}"), {"pve-01": 47.0}).guests
    assert {each.vmid for each in there} == {each.vmid for each in back} == {1, 2, 3}


def test_pages_hold_what_fits_and_none_is_beyond_the_last() -> None:
    guests = [guest(n) for n in range(2 * PAGE_GUESTS + 1)]
    last = choose(guests, Choice(page=99), {})
    assert (last.page, last.pages, len(last.guests), last.found) == (3, 3, 1, 2 * PAGE_GUESTS + 1)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "up"),
        ({"quorate": False}, "critical"),
        ({"nodes_up": 2}, "critical"),
        ({"fencing": ("pve-02",)}, "critical"),
        ({"ceph": Ceph(2, 0.5)}, "critical"),
        ({"ceph": Ceph(1, 0.5)}, "warning"),
        ({"verdicts": {"unprotected": 1}}, "warning"),
        ({"lacking": ("zfs",)}, "notice"),
        ({"detail_at": None}, "notice"),
        ({"status_at": None, "detail_at": None}, "unknown"),
        ({"status_at": NOW - 60}, "stale"),
        ({"detail_at": NOW - 120, "ceph": Ceph(2, 0.5)}, "stale"),
        ({"asked": False, "status_at": None, "detail_at": None}, "notice"),
    ],
)
def test_state_of_a_cluster(changes: dict[str, object], state: str) -> None:
    assert judge_cluster(replace(cluster(), **changes), snapshot()).state == state  # type: ignore[arg-type]


def test_an_alert_about_a_cluster_is_its_state() -> None:
    fired = alert("PveQuorumLost", "", labels={"cluster": "lab"})
    assert judge_cluster(cluster(), snapshot(alerts=(fired,))).state == "critical"
    assert judge_cluster(cluster("other"), snapshot(alerts=(fired,))).state == "up"


def test_what_could_not_be_read_does_not_spoil_the_site() -> None:
    assert overall(snapshot(clusters=(cluster(lacking=("zfs",)),))) == "up"
    assert overall(snapshot(clusters=(cluster(quorate=False),))) == "critical"
    assert overall(snapshot(clusters=(cluster(status_at=None, detail_at=None),))) == "unknown"
