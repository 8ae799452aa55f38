"""Clusters, their nodes and storages, as promtool evaluates the rules: what is told, and what explains what."""

from pathlib import Path

from support.promtool import Facts, firing, message, run, samples
from support.pve_world import make_pve_site, pve_world

SILENT: Facts = {"answers": 0}
BACK: Facts = {"answers": 1}
API = {"cluster": "home", "severity": "critical"}
URL = "https://hune.example/runbooks"


def node_down(name: str) -> str:
    return f'ALERTS{{alertname="NodeDown",alertstate="firing",node="{name}"}}'


def test_silent_api_is_told_after_two_failed_scrapes_and_nothing_else_ends_by_it(tmp_path: Path) -> None:
    lost: Facts = {'pve_up{id="cluster/home"}': 0}
    run(
        tmp_path,
        make_pve_site(),
        pve_world(300, {0: {}, 30: lost, 60: SILENT, 240: BACK, 260: {'pve_up{id="cluster/home"}': 1}}),
        firing(100, "PveApiSilent"),
        firing(140, "PveApiSilent", API),
        message(
            140,
            "PveApiSilent",
            API,
            {
                "summary": "home: the Proxmox API gives no answer",
                "description": (
                    "Nothing could be read of the cluster for more than a minute."
                    " What was wrong there stays as it was last seen."
                ),
                "runbook_url": f"{URL}/PveApiSilent",
            },
        ),
        firing(235, "PveApiSilent", API),
        firing(235, "PveQuorumLost", API),
        firing(245, "PveApiSilent"),
        firing(255, "PveQuorumLost", API),
        firing(265, "PveQuorumLost"),
        every_seconds=5,
    )


def test_cluster_that_was_never_asked_is_not_silent(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(200, {0: {"answers": None}}),
        firing(190, "PveApiSilent"),
        every_seconds=5,
    )


def test_api_is_silent_for_a_known_reason_while_all_nodes_are_down(tmp_path: Path) -> None:
    one = pve_world(200, {0: {}, 30: SILENT}).put(node_down("pve-01"), {0: None, 25: 1})
    run(tmp_path, make_pve_site(), one, firing(190, "PveApiSilent", API), every_seconds=5)
    both = one.put(node_down("pve-02"), {0: None, 25: 1})
    run(tmp_path, make_pve_site(), both, firing(190, "PveApiSilent"), every_seconds=5)


def test_member_whose_machine_is_down_or_boots_is_told_once_only(tmp_path: Path) -> None:
    offline = 'hune_pve_node_online{node="pve-02"}'
    world = pve_world(500, {0: {}, 30: {offline: 0}, 280: {offline: 1}})
    world.put(node_down("pve-02"), {0: None, 28: 1, 200: None})
    quiet = [firing(second, "PveNodeOffline") for second in range(60, 480, 30)]
    run(tmp_path, make_pve_site(), world, *quiet, every_seconds=5)


def test_member_that_went_down_after_it_was_told_stays_told(tmp_path: Path) -> None:
    offline = 'hune_pve_node_online{node="pve-02"}'
    world = pve_world(300, {0: {}, 30: {offline: 0}, 250: {offline: 1}}).put(node_down("pve-02"), {0: None, 100: 1})
    told = {"cluster": "home", "node": "pve-02", "severity": "critical"}
    run(
        tmp_path,
        make_pve_site(),
        world,
        firing(80, "PveNodeOffline", told),
        firing(240, "PveNodeOffline", told),
        firing(255, "PveNodeOffline"),
        every_seconds=5,
    )


def test_who_has_no_quorum_says_nothing_of_the_others(tmp_path: Path) -> None:
    alone: Facts = {
        'hune_pve_node_online{node="pve-02"}': 0,
        "hune_pve_quorum_quorate": 0,
        'pve_up{id="cluster/home"}': 0,
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(200, {0: {}, 30: alone}),
        firing(40, "PveQuorumLost", API),
        firing(190, "PveNodeOffline"),
        every_seconds=5,
    )


def storage(node: str, used: float, *, shared: bool = False) -> Facts:
    of = f'id="storage/{node}/tank",node="{node}",storage="tank"'
    return {
        f"hune_pve_storage_used_bytes{{{of}}}": used,
        f"hune_pve_storage_size_bytes{{{of}}}": 100,
        f"hune_pve_storage_shared{{{of}}}": int(shared),
    }


def test_storage_that_all_nodes_share_is_told_once_with_its_limits(tmp_path: Path) -> None:
    site = make_pve_site(proxmox_thresholds={"storage_warning_ratio": 0.7})
    full: Facts = {**storage("pve-01", 80, shared=True), **storage("pve-02", 80, shared=True)}
    labels = {"cluster": "home", "storage": "tank", "severity": "warning"}
    run(
        tmp_path,
        site,
        pve_world(60, {0: full}),
        message(
            40,
            "StorageFilling",
            labels,
            {
                "summary": "home: storage tank is 80.0 % full",
                "description": "More than 70 % are in use.",
                "runbook_url": f"{URL}/StorageFilling",
                "value": "80.0",
                "unit": "%",
                "threshold": "70",
            },
        ),
        firing(40, "StorageFull"),
        every_seconds=5,
    )


def test_storage_is_over_only_somewhat_below_its_limit(tmp_path: Path) -> None:
    labels = {"cluster": "home", "node": "pve-02", "storage": "tank", "severity": "critical"}
    run(
        tmp_path,
        make_pve_site(),
        pve_world(
            100,
            {0: storage("pve-02", 94), 20: storage("pve-02", 96), 40: storage("pve-02", 94), 60: storage("pve-02", 92)},
        ),
        firing(15, "StorageFull"),
        firing(35, "StorageFull", labels),
        firing(55, "StorageFull", labels),
        firing(65, "StorageFull"),
        every_seconds=5,
    )


def test_limits_of_a_cluster_win_over_those_of_the_site(tmp_path: Path) -> None:
    token = {"id": "hune@pve!metrics", "secret": "env:TOKEN"}
    clusters = [
        {"name": name, "nodes": ["pve-01"], "token": token, "thresholds": thresholds}
        for name, thresholds in (("home", {}), ("away", {"disk_wear_ratio": 0.5}))
    ]
    run(
        tmp_path,
        make_pve_site(proxmox=clusters, proxmox_thresholds={"disk_wear_ratio": 0.8}),
        pve_world(20, {0: {}}),
        samples(15, "hune:site_pve_disk_wear_ratio", ({"cluster": "home"}, 0.8), ({"cluster": "away"}, 0.5)),
        every_seconds=5,
    )


def test_ceph_is_told_in_its_own_words(tmp_path: Path) -> None:
    checks: Facts = {
        f'hune_pve_ceph_health_check{{check="{check}",severity="HEALTH_WARN",muted="{muted}"}}': 1
        for check, muted in (("PG_DEGRADED", "false"), ("OSD_DOWN", "false"), ("RECENT_CRASH", "true"))
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(120, {0: {"hune_pve_ceph_health_status": 1, **checks}}),
        message(
            90,
            "CephWarning",
            {"cluster": "home", "severity": "warning"},
            {
                "summary": "home: Ceph is HEALTH_WARN: OSD_DOWN, PG_DEGRADED",
                "description": "Ceph still serves its data, with less redundancy or room than it should have.",
                "runbook_url": f"{URL}/CephWarning",
            },
        ),
        every_seconds=5,
    )


def test_osd_of_a_node_that_is_offline_is_not_told(tmp_path: Path) -> None:
    down: Facts = {
        'hune_pve_ceph_osd_up{osd="3",node="pve-02",class="nvme"}': 0,
        'hune_pve_node_online{node="pve-02"}': 0,
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(200, {0: down}),
        firing(190, "CephOsdDown"),
        every_seconds=5,
    )


def test_budget_that_is_used_up_for_ten_minutes_is_told(tmp_path: Path) -> None:
    calls = 'hune_pve_api_calls_total{method="GET",path="/version",outcome="ok"}'
    steps: dict[int, Facts] = {second: {calls: second} for second in range(0, 1000, 5)}
    steps[0] = {**steps[0], "hune_pve_api_budget_calls_per_minute": 60}
    run(
        tmp_path,
        make_pve_site(),
        pve_world(1000, steps),
        firing(500, "PveApiBusy"),
        firing(990, "PveApiBusy", {"cluster": "home", "severity": "warning"}),
        every_seconds=5,
    )


def test_cluster_of_the_lab_is_marked_as_such(tmp_path: Path) -> None:
    world = pve_world(60, {0: {}})
    world.put('up{job="pve-hune",instance="home",cluster="home",lab="true"}', {0: 1})
    world.put('hune_pve_ha_fencing{job="pve-hune",cluster="home",lab="true",node="pve-02"}', {0: 1})
    told = {"cluster": "home", "node": "pve-02", "severity": "critical", "lab": "true"}
    run(tmp_path, make_pve_site(), world, firing(50, "PveNodeFenced", told), every_seconds=5)
