"""What the pages say about Proxmox clusters."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from markupsafe import Markup

from hune.collect.pve.faults import KINDS
from hune.collect.pve.protection import Aspect, Code, Outcome, State
from hune.nester.language import LANGUAGES, language
from hune.nester.language import Code as LanguageCode
from hune.nester.proxmox.model import Ceph, Load
from hune.nester.proxmox.reading import read_facts
from hune.nester.views.look import Look
from hune.nester.views.overview import overview
from hune.nester.views.proxmox.cluster import cluster as cluster_view
from hune.nester.views.proxmox.guest import guest as guest_view
from hune.nester.views.wall import wall
from hune.nester.views.words import alert_brief, alert_subject, alert_title
from support.clusters import Row, cluster, detail, guest_rows, node_rows, samples, verdict_rows
from support.snapshots import NOW, alert, node, snapshot

Show = Callable[..., Look]

HOSTILE = ('<script>alert(1)</script>"', "\u202eנגטרופ", "🦀 crab 🦀", "x" * 300, "' onload='x", "{{ 7*7 }}")

READ: list[Row] = [("pve_collector_success", 1.0, {"collector": name}) for name in ("zfs", "disks", "ha", "storage")]
STORES: list[Row] = [
    ("hune_pve_storage_info", 1.0, {"node": "pve-01", "storage": "tank", "type": "zfspool"}),
    ("hune_pve_storage_enabled", 1.0, {"node": "pve-01", "storage": "tank"}),
    ("hune_pve_storage_active", 1.0, {"node": "pve-01", "storage": "tank"}),
    ("hune_pve_storage_size_bytes", 100.0, {"node": "pve-01", "storage": "tank"}),
    ("hune_pve_storage_used_bytes", 96.0, {"node": "pve-01", "storage": "tank"}),
]
LABELS = {"node": "pve-01", "id": "qemu/101"}
EVERYTHING: list[Row] = [
    *READ,
    *STORES,
    *verdict_rows(101, "unprotected", ("backup-late", "nightly")),
    ("hune_pve_node_online", 1.0, LABELS),
    ("hune_pve_node_load1", 0.8, LABELS),
    ("hune_pve_node_rootfs_used_bytes", 2.0, LABELS),
    ("hune_pve_node_rootfs_size_bytes", 10.0, LABELS),
    ("hune_pve_node_version_info", 1.0, {**LABELS, "version": "9.1.2"}),
    ("hune_pve_updates_pending", 4.0, LABELS),
    ("hune_pve_updates_security_pending", 1.0, LABELS),
    ("hune_pve_subscription_info", 1.0, {**LABELS, "status": "expired", "level": "c"}),
    ("hune_pve_certificate_expiry_timestamp_seconds", NOW + 86_400, {**LABELS, "file": "pve-ssl.pem"}),
    ("hune_pve_service_running", 0.0, {**LABELS, "service": "pvestatd"}),
    ("hune_pve_service_enabled", 1.0, {**LABELS, "service": "pvestatd"}),
    ("hune_pve_ha_service_state", 1.0, {**LABELS, "state": "error", "requested": "started"}),
    ("hune_pve_ceph_osd_up", 0.0, {**LABELS, "osd": "1", "class": "ssd"}),
    ("hune_pve_ceph_health_check", 1.0, {"check": "OSD_DOWN", "severity": "HEALTH_WARN", "muted": "1"}),
    ("hune_pve_ceph_flag", 1.0, {"flag": "noout"}),
    ("hune_pve_ceph_degraded_objects", 12.0, {}),
    ("hune_pve_ceph_pool_info", 1.0, {"pool": "vm"}),
    ("hune_pve_ceph_pool_used_ratio", 0.9, {"pool": "vm"}),
    ("hune_pve_zfs_pool_state", 1.0, {**LABELS, "pool": "tank", "state": "DEGRADED"}),
    ("hune_pve_zfs_pool_errors", 3.0, {**LABELS, "pool": "tank", "kind": "read"}),
    ("hune_pve_disk_info", 1.0, {**LABELS, "device": "sda", "model": "Disk"}),
    ("hune_pve_disk_healthy", 0.0, {**LABELS, "device": "sda"}),
    ("hune_pve_disk_wear_ratio", 0.97, {**LABELS, "device": "sda"}),
    ("hune_pve_replication_enabled", 1.0, {**LABELS, "target": "pve-02"}),
    ("hune_pve_replication_failures", 2.0, {**LABELS, "target": "pve-02"}),
    ("hune_pve_backup_job_info", 1.0, {"backup_job": "b1", "storage": "pbs", "schedule": "02:30"}),
    ("hune_pve_backup_storage_listed", 0.0, {"storage": "nas"}),
    ("hune_pve_tasks_failed", 2.0, {**LABELS, "type": "vzdump"}),
]
STATUS = [*node_rows(), *guest_rows(101, "sql-1")]


@pytest.fixture
def page(show: Show, told: Any) -> Callable[..., Look]:
    """Return a function that makes the page of a cluster with what is known of it."""

    def made(
        status: list[Row], details: list[Row] = READ, code: LanguageCode = "en", query: str = "", **changes: Any
    ) -> Look:
        found = cluster(**changes)
        told.details["lab"] = detail(status, details)
        subject = f"lab?{query}" if query else "lab"
        return show(cluster_view, snapshot(node("pve-01"), clusters=(found,)), code, subject=subject)

    return made


def words(look: Look, *regions: str) -> str:
    html = Markup(" ").join(look.region(name) for name in regions or look.regions)
    return re.sub(r"\s+", " ", html.striptags()).replace("\u00a0", " ")


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_table_has_words_in_every_language(page: Callable[..., Look], code: LanguageCode) -> None:
    look = page(STATUS, EVERYTHING, code)
    assert {"table-nodes", "table-storages", "table-ceph", "table-zfs", "table-disks", "table-jobs"} <= {
        part.key for part in (*look.regions["tables"], *look.regions["tables-wide"])
    }
    assert "None" not in words(look)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_word_of_the_collectors_is_in_the_catalogue(code: LanguageCode) -> None:
    t = language(code)
    for key in (
        *(f"pve.reason.{each}" for each in Code),
        *(f"pve.verdict.{each}" for each in Outcome),
        *(f"pve.aspect.{each}" for each in Aspect),
        *(f"pve.aspect_state.{each}" for each in State),
        *(f"pve.problem.{each}" for each in KINDS),
    ):
        assert t.has(key), key


def test_what_is_wrong_is_said_in_words_beside_its_shape(page: Callable[..., Look]) -> None:
    look = page(STATUS, EVERYTHING)
    for said in ("critical: 96%", "critical: DEGRADED", "critical: failing", "warning: 97%", "warning: in 24 h"):
        assert said in words(look, "tables", "tables-wide"), said
    assert "warning: unprotected" in words(look, "guests")
    assert "backup late (nightly)" in words(look, "guests")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(page: Callable[..., Look], show: Show, told: Any, name: str) -> None:
    rows = [*node_rows(name), *guest_rows(101, name, name, tags=name)]
    look = page(rows, [*READ, *verdict_rows(101, "unprotected", ("backup-late", name), (name, name))])
    html = str(Markup("").join(look.region(region) for region in look.regions))
    assert "<script" not in html
    assert not re.search(r"<[^>]*\son[a-z]+=", html)
    assert "49" not in words(look, "guests") or "7*7" not in name
    # Letters that run the other way stay within their own cell.
    assert "<bdi>" in str(look.region("guests"))
    assert show(guest_view, snapshot(clusters=(cluster(),)), subject="lab/101").title


def test_what_is_not_known_is_neither_fine_nor_down(page: Callable[..., Look]) -> None:
    look = page([*node_rows(up=0.0), *guest_rows(101, up=0.0)], nodes_up=2, unseen=1)
    row = words(look, "guests")
    assert "unknown: unknown" in row
    assert "stopped" not in row
    assert "protected" not in row


def test_a_collector_that_failed_says_which_privilege_is_missing(page: Callable[..., Look]) -> None:
    failed: list[Row] = [
        ("pve_collector_success", 0.0, {"collector": "disks"}),
        (
            "hune_pve_collector_problems",
            3.0,
            {"collector": "disks", "kind": "forbidden", "privilege": "Sys.Audit|Sys.X"},
        ),
        ("hune_pve_collector_problems", 1.0, {"collector": "disks", "kind": "timed-out"}),
    ]
    look = page(STATUS, failed, lacking=("disks",))
    text = words(look, "tables")
    assert "Not all could be read: the account needs Sys.Audit or Sys.X on /, no answer in time." in text
    assert "unknown: incomplete" in text
    assert "not all could be read" in words(look, "cluster-title")


def test_a_storage_that_all_share_is_one_row(page: Callable[..., Look]) -> None:
    rows: list[Row] = []
    for host in ("pve-01", "pve-02"):
        where = {"node": host, "storage": "nas"}
        rows += [
            ("hune_pve_storage_info", 1.0, {**where, "type": "nfs"}),
            ("hune_pve_storage_shared", 1.0, where),
            ("hune_pve_storage_active", float(host == "pve-01"), where),
        ]
    text = words(page(STATUS, [*READ, *rows]), "tables")
    assert text.count("nas") == 1
    assert "critical: not usable on pve-02" in text


def test_a_long_table_never_folds_away_what_is_wrong(page: Callable[..., Look]) -> None:
    rows: list[Row] = []
    for number in range(40):
        where = {"node": "pve-01", "device": f"sd{number:02}"}
        rows += [("hune_pve_disk_info", 1.0, where), ("hune_pve_disk_healthy", float(number != 37), where)]
    html = str(page(STATUS, [*READ, *rows]).region("tables"))
    shown, _, folded = html.partition("<details")
    assert "sd37" in shown
    assert "and 34 more, nothing wrong" in folded


def test_what_a_silent_api_last_said_is_hatched_with_its_age(page: Callable[..., Look]) -> None:
    look = page(STATUS, EVERYTHING, status_at=NOW - 600, detail_at=NOW - 610)
    assert look.state == "stale"
    assert "The Proxmox API has not answered for 10 min" in words(look, "cluster")
    for region in ("cluster", "guests", "tables", "tables-wide"):
        assert " stale" in str(look.region(region)), region


def test_guests_are_chosen_by_the_address(page: Callable[..., Look]) -> None:
    status = [*node_rows(), *guest_rows(101, "mail"), *guest_rows(102, "web"), *guest_rows(103, "web-old", up=0.0)]
    assert [part.key for part in page(status, query="q=web&sort=-name").regions["guests"]] == [
        "guest-qemu/103",
        "guest-qemu/102",
    ]
    assert "No guest fits." in words(page(status, query="show=ha"), "guests")


def test_a_cluster_without_an_account_names_the_command(show: Show) -> None:
    lone = cluster(asked=False, status_at=None, detail_at=None)
    look = show(overview, snapshot(clusters=(lone,)))
    assert "hune pve check" in words(look, "clusters")
    assert look.state == "up"


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status_at": None, "detail_at": None},
        {"nodes": None, "running": None, "ceph": None, "verdicts": {}, "lacking": ("ceph", "ha"), "master": None},
        {"quorate": False, "fencing": ("pve-02",), "ceph": Ceph(2, None), "load": Load(900.0, 1.5, 1000.0)},
        {"ceph": Ceph(0, 0.9), "verdicts": {"unprotected": 2, "unknown": 1}, "unseen": 3, "load": None},
        {"master": None, "services": 3, "oldest_backup_at": None},
    ],
)
def test_overview_and_wall_have_words_for_every_state(show: Show, changes: dict[str, Any], code: LanguageCode) -> None:
    taken = snapshot(clusters=(cluster(**changes),), alerts=(alert("CephWarning", "", labels={"cluster": "lab"}),))
    for view, region in ((overview, "clusters"), (wall, "wall-clusters")):
        look = show(view, taken, code)
        assert "lab" in words(look, region)
        assert "None" not in words(look, region)


def test_figures_are_grey_while_nothing_is_wrong(show: Show) -> None:
    html = str(show(overview, snapshot(clusters=(cluster(),))).region("clusters"))
    assert "pve-fact-up" in html
    assert not re.search(r"pve-fact-(?!up)\w+\"", html)


def test_more_clusters_than_the_wall_has_room_for_take_turns(show: Show) -> None:
    many = tuple(cluster(f"c{n}") for n in range(5))
    looks = [show(wall, snapshot(clusters=many, taken_at=NOW + 20 * turn)) for turn in range(3)]
    assert {part.key for look in looks for part in look.regions["wall-clusters"]} == {f"cluster-c{n}" for n in range(5)}


@pytest.mark.parametrize("code", LANGUAGES)
def test_page_of_a_guest_says_why_it_is_not_protected(show: Show, told: Any, code: LanguageCode) -> None:
    told.details["lab"] = detail(STATUS, EVERYTHING)
    told.facts = read_facts(
        samples(
            [
                ("hune_guest_protection", 1.0, {"aspect": "fresh", "state": "late"}),
                ("hune_pve_guest_backup_last_timestamp_seconds", NOW - 400_000, {"storage": "pbs"}),
                ("hune_pve_guest_backup_last_verified", 0.0, {"storage": "pbs"}),
                ("hune_pve_guest_filesystem_size_bytes", 10.0, {"mountpoint": "/", "type": "ext4"}),
                ("hune_pve_guest_filesystem_used_bytes", 9.0, {"mountpoint": "/", "type": "ext4"}),
            ]
        )
    )
    look = show(guest_view, snapshot(clusters=(cluster(),)), code, subject="lab/101")
    assert "None" not in words(look)
    if code == "en":
        assert "warning: unprotected" in words(look, "guest")
        assert "backup late (nightly)" in words(look, "guest")
        assert "warning: late" in words(look, "guest")
        assert "warning: failed" in words(look, "tables")


def test_page_of_a_guest_that_is_gone_is_empty(show: Show) -> None:
    look = show(guest_view, snapshot(clusters=(cluster(),)), subject="lab/999")
    assert look.regions["guest"] == ()


def test_alerts_about_proxmox_are_told_in_the_language_of_the_page() -> None:
    about = {"cluster": "lab", "node": "pve-03", "storage": "nas", "device": "sda", "id": "qemu/104"}
    spoken = {
        "StorageFull": "pve-03: storage nas is 96.0 % full",
        "DiskFailing": "pve-03: disk sda is failing",
        "BackupLate": "sql-1 (qemu/104) has no backup as young as it should be",
        "CephWarning": "lab: Ceph is HEALTH_WARN: OSD_DOWN",
    }
    for name, written in spoken.items():
        fired = alert(name, "", labels=about, annotations={"summary": written, "unit": "%"}, value=96.0)
        assert alert_title(fired, language("en")) == written
        french = alert_title(fired, language("fr"))
        assert french != written, french
        assert "{" not in french
    assert alert_brief(fired, language("en")) == "Ceph warns"
    late = alert("BackupLate", "", labels=about, annotations={"summary": spoken["BackupLate"]}, value=None)
    assert "sql-1 (qemu/104)" in alert_title(late, language("fr"))
    late = replace(late, labels=(("cluster", "lab"), ("id", "qemu/104")))
    assert alert_subject(late) == "sql-1"


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"cluster": "lab", "id": "qemu/104"}, "/clusters/lab/guests/104"),
        ({"cluster": "lab", "node": "pve-01", "storage": "nas"}, "/nodes/pve-01"),
        ({"cluster": "lab", "node": "pve-99"}, "/clusters/lab"),
        ({"cluster": "lab"}, "/clusters/lab"),
        ({"node": "pve-01"}, "/nodes/pve-01"),
    ],
)
def test_an_alert_leads_to_what_it_is_about(show: Show, labels: dict[str, str], path: str) -> None:
    fired = alert("Any", "", labels=labels, annotations={"summary": "something"}, deliveries=())
    look = show(overview, snapshot(clusters=(cluster(),), alerts=(fired,)))
    assert f'<a href="{path}">something</a>' in str(look.region("alerts"))
