"""Ceph as Proxmox VE sees it: health, monitors, managers, OSDs by host, pools, placement groups, recovery.

hune_pve_ceph_health_status 1
hune_pve_ceph_health_check{check="OSD_DOWN",severity="HEALTH_WARN",muted="false"} 1
hune_pve_ceph_osd_up{osd="3",node="pve-02",class="nvme"} 0
hune_pve_ceph_pool_used_ratio{pool="vm"} 0.41
hune_pve_ceph_pgs{state="active+undersized+degraded"} 33
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hune.collect.pve.answers import Record, record, records
from hune.collect.pve.asking import ask
from hune.collect.pve.cluster import read_cluster
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import BadAnswer, Forbidden, NotThere, PveError

_STATUS = "/cluster/ceph/status"
_OSD = "/nodes/{node}/ceph/osd"
_POOL = "/nodes/{node}/ceph/pool"
_STATUS_TTL_SECONDS = 30.0
_TREE_TTL_SECONDS = 60.0
_DEEPEST = 12
_NODES_TRIED = 3


def _gauge(name: str, text: str, source: str, *labels: str) -> Family:
    return Family(f"hune_pve_ceph_{name}", "gauge", text, labels, source, "Sys.Audit or Datastore.Audit on /")


_HEALTH = _gauge("health_status", "0 for HEALTH_OK, 1 for HEALTH_WARN, 2 for HEALTH_ERR.", _STATUS)
_CHECK = _gauge("health_check", "1 for each health check that is raised.", _STATUS, "check", "severity", "muted")
_MON = _gauge("mon_in_quorum", "1 if a monitor is in the quorum, else 0.", _STATUS, "mon")
_MGR = _gauge("mgr_active", "1 for the manager that is active, 0 for one that stands by.", _STATUS, "mgr")
_MGR_AVAILABLE = _gauge("mgr_available", "1 if a manager is active, else 0.", _STATUS)
_PGS = _gauge("pgs", "Placement groups by state.", _STATUS, "state")
_OF_OSDMAP = {
    "num_osds": _gauge("osds", "OSDs that the cluster has.", _STATUS),
    "num_up_osds": _gauge("osds_up", "OSDs that run.", _STATUS),
    "num_in_osds": _gauge("osds_in", "OSDs that hold data.", _STATUS),
}
_OF_PGMAP = {
    "bytes_total": _gauge("size_bytes", "Raw size of all OSDs.", _STATUS),
    "bytes_used": _gauge("used_bytes", "Raw space in use.", _STATUS),
    "bytes_avail": _gauge("available_bytes", "Raw space left.", _STATUS),
    "data_bytes": _gauge("data_bytes", "Data stored, copies not counted.", _STATUS),
    "num_objects": _gauge("objects", "Objects stored.", _STATUS),
}
_OF_PGMAP_OR_NONE = {
    "degraded_objects": _gauge("degraded_objects", "Copies of objects that are missing.", _STATUS),
    "misplaced_objects": _gauge("misplaced_objects", "Copies of objects that are not where they belong.", _STATUS),
    "unfound_objects": _gauge("unfound_objects", "Objects of which no current copy is found.", _STATUS),
    "recovering_bytes_per_sec": _gauge("recovery_bytes_per_second", "Speed of the recovery.", _STATUS),
    "recovering_objects_per_sec": _gauge("recovery_objects_per_second", "Objects recovered each second.", _STATUS),
    "read_bytes_sec": _gauge("client_read_bytes_per_second", "What clients read.", _STATUS),
    "write_bytes_sec": _gauge("client_write_bytes_per_second", "What clients write.", _STATUS),
    "read_op_per_sec": _gauge("client_reads_per_second", "Read operations of clients.", _STATUS),
    "write_op_per_sec": _gauge("client_writes_per_second", "Write operations of clients.", _STATUS),
}
_FLAG = _gauge("flag", "1 for each flag set on the OSDs that holds something back (noout, norecover, …).", _OSD, "flag")
_OSD_LABELS = ("osd", "node", "class")
_OSD_UP = _gauge("osd_up", "1 if the OSD runs, else 0.", _OSD, *_OSD_LABELS)
_OSD_IN = _gauge("osd_in", "1 if the OSD holds data, else 0.", _OSD, *_OSD_LABELS)
_OF_OSD: dict[str, tuple[Family, float]] = {
    "total_space": (_gauge("osd_size_bytes", "Size of the OSD.", _OSD, *_OSD_LABELS), 1),
    "bytes_used": (_gauge("osd_used_bytes", "Space of the OSD in use.", _OSD, *_OSD_LABELS), 1),
    "commit_latency_ms": (_gauge("osd_commit_latency_seconds", "Latency of commits.", _OSD, *_OSD_LABELS), 1000),
    "apply_latency_ms": (_gauge("osd_apply_latency_seconds", "Latency of applies.", _OSD, *_OSD_LABELS), 1000),
    "reweight": (_gauge("osd_reweight_ratio", "Weight override of the OSD, 0 to 1.", _OSD, *_OSD_LABELS), 1),
}
_POOL_USED = _gauge("pool_used_bytes", "Space that the pool uses, copies included.", _POOL, "pool")
_POOL_RATIO = _gauge("pool_used_ratio", "Share of the space that the pool could use, 0 to 1.", _POOL, "pool")
_POOL_MAX = _gauge(
    "pool_max_bytes",
    "Space that the pool could use, copies included: follows from the two others, absent while the pool is empty.",
    _POOL,
    "pool",
)
_POOL_INFO = _gauge("pool_info", "How a pool is made.", _POOL, "pool", "type", "crush_rule")
_OF_POOL = {
    "size": _gauge("pool_replicas", "Copies that the pool keeps (or chunks).", _POOL, "pool"),
    "min_size": _gauge("pool_replicas_min", "Copies without which the pool stops writing.", _POOL, "pool"),
    "pg_num": _gauge("pool_pgs", "Placement groups of the pool.", _POOL, "pool"),
}
_HEALTHS = {"HEALTH_OK": 0, "HEALTH_WARN": 1, "HEALTH_ERR": 2}
_HOLDING_BACK = frozenset(
    (
        *("noout", "nodown", "noup", "noin", "nobackfill", "norebalance", "norecover", "noscrub", "nodeep-scrub"),
        *("nosnaptrim", "notieragent", "pause", "pauserd", "pausewr", "full", "nearfull"),
    )
)


def parse_status(answer: Any, out: Exposition) -> None:
    """Turn an answer of `/cluster/ceph/status` into samples. Raises BadAnswer."""
    status = record(answer, _STATUS)
    health = status.record("health")
    if (word := health.text("status")) not in _HEALTHS:
        raise BadAnswer(f"{health.where}: status is {word!a}")
    out.add(_HEALTH, _HEALTHS[word])
    checks = health.record("checks")
    for check in checks:
        raised = checks.record(check)
        muted = "true" if raised.flag("muted", False) else "false"
        out.add(_CHECK, 1, check, raised.text("severity", ""), muted)
    quorum = set(status.texts("quorum_names"))
    monitors = {monitor.text("name") for monitor in status.record("monmap").records("mons")}
    for monitor in sorted(monitors | quorum):
        out.add(_MON, monitor in quorum, monitor)
    managers = status.record("mgrmap")
    if "available" in managers:
        out.add(_MGR_AVAILABLE, managers.flag("available"))
    if active := managers.text("active_name", ""):
        out.add(_MGR, 1, active)
    if "standbys" in managers:
        for standby in managers.records("standbys"):
            out.add(_MGR, 0, standby.text("name"))
    osds = status.record("osdmap")
    # Ceph before 16 has one more level.
    osds = osds.record("osdmap") if "osdmap" in osds else osds
    groups = status.record("pgmap")
    _add_all(osds, _OF_OSDMAP, out)
    _add_all(groups, _OF_PGMAP, out)
    if "num_pgs" in groups:
        # Ceph leaves out what is zero.
        for field, family in _OF_PGMAP_OR_NONE.items():
            out.add(family, groups.amount(field, 0))
    for state in groups.records("pgs_by_state"):
        out.add(_PGS, state.amount("count"), state.text("state_name"))


def parse_osds(path: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/ceph/osd` into samples. Raises BadAnswer."""
    whole = record(answer, path)
    for flag in sorted(_HOLDING_BACK & set(whole.text("flags", "").split(","))):
        out.add(_FLAG, 1, flag)
    seen: set[str] = set()
    level = [(item, "") for item in whole.record("root").records("children")]
    # A CRUSH tree has a dozen kinds of levels; a host may stand below several roots.
    for _ in range(_DEEPEST):
        below: list[tuple[Record, str]] = []
        for item, host in level:
            kind = item.text("type", "")
            if kind == "osd":
                number = item.text("id")
                if number not in seen:
                    seen.add(number)
                    _add_osd(item, number, item.text("host", host), out)
                continue
            inside = item.text("name", "") if kind == "host" else host
            below.extend((child, inside) for child in item.records("children"))
        level = below
    if level:
        raise BadAnswer(f"{path}: a tree of more than {_DEEPEST} levels")


def _add_osd(osd: Record, number: str, host: str, out: Exposition) -> None:
    labels = (number, host, osd.text("device_class", ""))
    out.add(_OSD_UP, osd.text("status", "") == "up", *labels)
    if "in" in osd:
        out.add(_OSD_IN, osd.flag("in"), *labels)
    for field, (family, divisor) in _OF_OSD.items():
        if field in osd:
            out.add(family, osd.amount(field) / divisor, *labels)


def parse_pools(path: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/ceph/pool` into samples. Raises BadAnswer."""
    for pool in records(answer, path):
        name = pool.text("pool_name")
        out.add(_POOL_INFO, 1, name, pool.text("type", ""), pool.text("crush_rule_name", ""))
        for field, family in _OF_POOL.items():
            if field in pool:
                out.add(family, pool.amount(field), name)
        if "bytes_used" in pool and "percent_used" in pool:
            used, ratio = pool.amount("bytes_used"), pool.amount("percent_used")
            if ratio > 1:
                raise BadAnswer(f"{pool.where}: percent_used is {ratio:g}, more than 1")
            out.add(_POOL_USED, used, name)
            out.add(_POOL_RATIO, ratio, name)
            if ratio and used:
                out.add(_POOL_MAX, round(used / ratio), name)


def _add_all(values: Record, families: dict[str, Family], out: Exposition) -> None:
    for field, family in families.items():
        if field in values:
            out.add(family, values.amount(field))


def is_absent(error: PveError) -> bool:
    """Return whether an error says that there is no Ceph here."""
    text = error.message.lower()
    return isinstance(error, NotThere) or "not installed" in text or "not initialized" in text


async def collect(run: Collection) -> None:
    """Ask for the cluster's status, then one node for OSDs and pools; no Ceph, no samples."""
    try:
        status = await ask(run.source, _STATUS, max_age_seconds=_STATUS_TTL_SECONDS)
    except PveError as error:
        if is_absent(error):
            return
        raise
    try:
        out = Exposition()
        parse_status(status, out)
    except BadAnswer as error:
        run.missed(error)
    else:
        run.out.extend(out)
    nodes = (await read_cluster(run.source)).online[:_NODES_TRIED]
    for path, parse in ((_OSD, parse_osds), (_POOL, parse_pools)):
        await _ask_one(run, nodes, path, parse)


async def _ask_one(run: Collection, nodes: list[str], path: str, parse: Callable[[str, Any, Exposition], None]) -> None:
    """Count what the first node says that can tell: not every node has Ceph."""
    failed: PveError | None = None
    for node in nodes:
        where, out = path.format(node=node), Exposition()
        try:
            parse(where, await ask(run.source, where, max_age_seconds=_TREE_TTL_SECONDS), out)
        except (BadAnswer, Forbidden) as error:
            failed = error
            break
        except PveError as error:
            failed = failed or error
        else:
            run.out.extend(out)
            return
    if failed:
        run.missed(failed)


COLLECTOR = Collector(
    name="ceph",
    scope="cluster",
    families=(
        *(_HEALTH, _CHECK, _MON, _MGR_AVAILABLE, _MGR, *_OF_OSDMAP.values(), *_OF_PGMAP.values()),
        *(*_OF_PGMAP_OR_NONE.values(), _PGS, _FLAG, _OSD_UP, _OSD_IN, *(family for family, _ in _OF_OSD.values())),
        *(_POOL_INFO, *_OF_POOL.values(), _POOL_USED, _POOL_RATIO, _POOL_MAX),
    ),
    needs=(Needs("Sys.Audit", "/"),),
    collect=collect,
)
