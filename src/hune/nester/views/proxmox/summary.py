"""A cluster in one look: a handful of figures, grey while all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hune.nester.drawing import Scale
from hune.nester.judge import State, Verdict, alerts_about, judge_alert, judge_cluster, worst
from hune.nester.language import Language
from hune.nester.proxmox.model import Cluster
from hune.nester.views.look import Scene

RATIOS = Scale(0.0, 1.0)
_CEPH_STATES: tuple[State, ...] = ("up", "warning", "critical")
# Calls near the budget make answers late: the alert's own limit.
_BUSY_RATIO = 0.85
_PLACES = {
    "alerts": "#alerts",
    "backup": "?sort=backup#guests",
    "load": "#collectors",
    "protection": "?show=unprotected#guests",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: how far it is filled, where its threshold is, as SVG writes them; `over` beyond it."""

    fill: str
    tick: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure. `state` is `up` while nothing is wrong with it."""

    name: str
    label: str
    value: str
    sub: str = ""
    state: State = "up"
    word: str = ""
    bar: Bar | None = None

    @property
    def place(self) -> str:
        """Where on the cluster's page there is more of it."""
        return _PLACES.get(self.name, f"#{self.name}")


@dataclass(frozen=True, slots=True)
class Summary:
    """A cluster's head and figures; `note` is said where there are none, `age` where they are old."""

    name: str
    lab: bool
    state: State
    word: str
    stale: bool
    age: str
    note: str
    command: str
    facts: tuple[Fact, ...]


def summary(scene: Scene, cluster: Cluster) -> Summary:
    """Return a cluster in one look."""
    verdict = judge_cluster(cluster, scene.snapshot)
    note, command = _note(scene, cluster)
    return Summary(
        name=cluster.name,
        lab=cluster.lab,
        state=verdict.state,
        word=state_word(cluster, verdict, scene.t),
        stale=verdict.stale,
        age=age_of(scene, cluster),
        note=note,
        command=command,
        facts=() if note else tuple(_facts(scene, cluster)),
    )


def state_word(cluster: Cluster, verdict: Verdict, t: Language) -> str:
    """Return the word for the state of a cluster."""
    if verdict.state == "notice":
        return t("pve.partly_read" if cluster.asked else "pve.not_asked")
    return t(f"state.{verdict.state}")


def age_of(scene: Scene, cluster: Cluster) -> str:
    """Return how old what is shown is, where it is too old to be of now."""
    t, now = scene.t, scene.now
    if cluster.status_is_old(now) and cluster.status_at is not None:
        return t("pve.silent", age=t.duration(now - cluster.status_at))
    if cluster.detail_is_old(now) and cluster.detail_at is not None:
        return t("pve.partly_silent", age=t.duration(now - cluster.detail_at))
    return ""


def _note(scene: Scene, cluster: Cluster) -> tuple[str, str]:
    if not cluster.asked:
        return scene.t("pve.no_account"), "hune pve check"
    if cluster.status_at is None and cluster.detail_at is None:
        return scene.t("pve.unheard"), f"hune pve check {cluster.name}"
    return "", ""


def _facts(scene: Scene, cluster: Cluster) -> Iterator[Fact]:
    yield _nodes(scene, cluster)
    yield from _ha(scene, cluster)
    yield from _ceph(scene, cluster)
    yield _guests(scene, cluster)
    yield _protection(scene, cluster)
    yield _backup(scene, cluster)
    yield _alerts(scene, cluster)
    yield _load(scene, cluster)


def _unknown(scene: Scene, name: str, sub: str = "") -> Fact:
    t = scene.t
    return Fact(name, t(f"pve.fact.{name}"), t("state.unknown"), sub or t("pve.not_read"), "unknown")


def _fact(scene: Scene, name: str, value: str, sub: str = "", state: State = "up", bar: Bar | None = None) -> Fact:
    word = "" if state == "up" else scene.t(f"state.{state}")
    return Fact(name, scene.t(f"pve.fact.{name}"), value, sub, state, word, bar)


def _nodes(scene: Scene, cluster: Cluster) -> Fact:
    t = scene.t
    if cluster.nodes is None or cluster.nodes_up is None:
        return _unknown(scene, "nodes")
    state: State = "critical" if cluster.quorate is False or cluster.nodes_up < cluster.nodes else "up"
    if cluster.quorate is False:
        sub = t("pve.no_quorum")
    elif cluster.votes is not None and cluster.votes_needed is not None:
        sub = t("pve.quorum", votes=cluster.votes, needed=cluster.votes_needed)
    else:
        sub = t("pve.quorate") if cluster.quorate else ""
    return _fact(scene, "nodes", t("pve.of", part=cluster.nodes_up, total=cluster.nodes), sub, state)


def _ha(scene: Scene, cluster: Cluster) -> Iterator[Fact]:
    t = scene.t
    if cluster.fencing:
        yield _fact(scene, "ha", t("pve.fencing"), ", ".join(cluster.fencing), "critical")
    elif cluster.master:
        yield _fact(scene, "ha", cluster.master, t("pve.services", count=cluster.services or 0))
    elif cluster.detail_at is None or cluster.lacks("ha"):
        yield _unknown(scene, "ha")
    elif cluster.services:
        # Services are managed, and nobody manages them.
        yield _fact(scene, "ha", t("pve.no_master"), t("pve.services", count=cluster.services), "critical")


def _ceph(scene: Scene, cluster: Cluster) -> Iterator[Fact]:
    ceph = cluster.ceph
    if ceph is None:
        if cluster.lacks("ceph"):
            yield _unknown(scene, "ceph")
        return
    limit = next(
        (scene.site.limits_of(each).ceph_used_ratio for each in scene.site.proxmox if each.name == cluster.name), 1.0
    )
    used, bar = "", None
    full = ceph.used_ratio is not None and ceph.used_ratio > limit
    if ceph.used_ratio is not None:
        used = scene.t("pve.used", share=scene.t.percent(ceph.used_ratio))
        bar = Bar(RATIOS.percent(ceph.used_ratio), RATIOS.percent(limit), full)
    health = min(max(ceph.health, 0), 2)
    state = worst([_CEPH_STATES[health], "warning" if full else "up"])
    yield _fact(scene, "ceph", scene.t(f"pve.ceph.{health}"), used, state, bar)


def _guests(scene: Scene, cluster: Cluster) -> Fact:
    t = scene.t
    if cluster.running is None:
        return _unknown(scene, "guests")
    if not cluster.running and not cluster.stopped and not cluster.unseen:
        # There are none, or the account may see none.
        return _fact(scene, "guests", "–", t("pve.none_seen"))
    stopped = t("pve.stopped", count=cluster.stopped or 0)
    if cluster.unseen:
        return _fact(scene, "guests", str(cluster.running), t("pve.unseen", count=cluster.unseen), "unknown")
    return _fact(scene, "guests", str(cluster.running), stopped)


def _protection(scene: Scene, cluster: Cluster) -> Fact:
    t, verdicts = scene.t, cluster.verdicts
    unprotected, unknown = verdicts.get("unprotected", 0), verdicts.get("unknown", 0)
    guarded = t("pve.protected", count=verdicts.get("protected", 0))
    if unprotected:
        return _fact(scene, "protection", t("pve.unprotected", count=unprotected), guarded, "warning")
    if not verdicts or cluster.lacks("protection") or unknown:
        sub = t("pve.verdict_unknown", count=unknown) if unknown else ""
        return _unknown(scene, "protection", sub)
    return _fact(scene, "protection", guarded)


def _backup(scene: Scene, cluster: Cluster) -> Fact:
    t = scene.t
    if cluster.oldest_backup_at is not None:
        return _fact(scene, "backup", t.duration(scene.now - cluster.oldest_backup_at), t("pve.oldest"))
    if cluster.detail_at is None or cluster.lacks("backups", "protection") or cluster.verdicts.get("unknown"):
        return _unknown(scene, "backup")
    return _fact(scene, "backup", "–", t("pve.no_backup"))


def _alerts(scene: Scene, cluster: Cluster) -> Fact:
    t, found = scene.t, alerts_about(cluster, scene.snapshot)
    if not found:
        return _fact(scene, "alerts", "0", t("pve.none_open"))
    critical = sum(1 for alert in found if alert.severity == "critical")
    sub = t("count.critical", count=critical) if critical else t("pve.open")
    return _fact(scene, "alerts", str(len(found)), sub, worst(judge_alert(alert) for alert in found))


def _load(scene: Scene, cluster: Cluster) -> Fact:
    t, load = scene.t, cluster.load
    if load is None:
        return _unknown(scene, "load")
    busy = t("pve.busy", time=t.milliseconds(load.busy))
    value = t("pve.calls", calls=t.number(load.calls_per_minute))
    if load.budget is None:
        return _fact(scene, "load", value, busy)
    ratio = load.calls_per_minute / load.budget
    over = ratio > _BUSY_RATIO
    bar = Bar(RATIOS.percent(ratio), RATIOS.percent(_BUSY_RATIO), over)
    sub = t("pve.budget", budget=t.number(load.budget), busy=busy)
    return _fact(scene, "load", value, sub, "warning" if over else "up", bar)
