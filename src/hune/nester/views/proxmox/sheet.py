"""What the tables of a cluster are made from, and the words they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hune.nester.judge import State
from hune.nester.language import Language
from hune.nester.proxmox.model import Cluster, Detail, Facts, Guest
from hune.nester.views.look import Scene
from hune.nester.views.proxmox.table import Cell, Column, Row, Table, bar, folded
from hune.site.proxmox import AppliedProxmoxThresholds


@dataclass(frozen=True)
class Sheet:
    """A cluster, everything that is known of it, and the limits that apply."""

    scene: Scene
    cluster: Cluster
    detail: Detail
    limits: AppliedProxmoxThresholds
    heat: dict[str, float]

    @property
    def t(self) -> Language:
        return self.scene.t

    @property
    def facts(self) -> Facts:
        return self.detail.facts

    @property
    def guests(self) -> dict[str, Guest]:
        return {guest.id: guest for guest in self.detail.guests}

    def table(
        self,
        name: str,
        columns: tuple[Column, ...],
        rows: Iterable[Row],
        *collectors: str,
        summary: str = "",
        note: str = "",
    ) -> Table:
        """Return a table that says what could not be read of it."""
        t = self.t
        shown, more = folded(rows)
        lacking = lack(self.facts, collectors, t) or (t("pve.not_read_yet") if self.cluster.detail_at is None else "")
        return Table(
            name=name,
            title=t(f"pve.table.{name}"),
            columns=columns,
            rows=shown,
            more=more,
            fold=t("pve.fold", count=len(more)) if more else "",
            summary=summary,
            note=" ".join(filter(None, [lacking, note])),
            none="" if lacking else t("pve.nothing"),
        )

    def cell(self, text: str, state: State = "up", **more: str | bool) -> Cell:
        """Return a cell with the word for its state."""
        word = "" if state == "up" else self.t(f"state.{state}")
        return Cell(text, state, word, **more)  # type: ignore[arg-type]

    def number(self, text: str, state: State = "up", *, title: str = "") -> Cell:
        """Return a cell with a number."""
        return self.cell(text, state, number=True, title=title)

    def share(self, part: float | None, whole: float | None, *limits: float, title: str = "") -> Cell:
        """Return how much of something is in use; beyond the first limit it warns, beyond a second it is critical."""
        if part is None or not whole:
            return self.unknown(number=True)
        ratio = part / whole
        over = sum(1 for limit in limits if ratio > limit)
        state: State = ("up", "warning", "critical")[over]
        word = "" if state == "up" else self.t(f"state.{state}")
        made = bar(self.t.percent(ratio), ratio, limits[0] if limits else None, state=state, word=word)
        size = self.t("pve.of", part=self.t.bytes(part), total=self.t.bytes(whole))
        return Cell(made.text, made.state, made.word, title or size, True, made.fill, made.tick)

    def unknown(self, title: str = "", *, number: bool = False, state: State = "up") -> Cell:
        """Return a cell for what is not known; `state` is `up` where something else says why."""
        return Cell("?", state, self.t("state.unknown"), title or self.t("pve.not_read"), number=number, dim=True)

    def age(self, at: float | None, state: State = "up") -> Cell:
        """Return how long ago something was."""
        if at is None or at <= 0:
            return self.cell("–", state, number=True)
        return self.number(self.scene.ago(at), state, title=self.t.iso(at))

    def coming(self, at: float | None) -> Cell:
        """Return in how long something will be."""
        if at is None or at <= 0:
            return self.number("–")
        return self.number(self.t("pve.in", time=self.t.duration(at - self.scene.now)), title=self.t.iso(at))

    def guest(self, key: str) -> Cell:
        """Return the name of a guest that leads to it."""
        guest = self.guests.get(key)
        vmid = key.rpartition("/")[2]
        text = f"{vmid} {guest.name}" if guest else key
        return Cell(text, href=f"/clusters/{self.cluster.name}/guests/{vmid}" if guest else "")


def lack(facts: Facts, collectors: Iterable[str], t: Language) -> str:
    """Return what collectors could not read, and which privilege would help; empty if they read everything."""
    missing = [name for name in collectors if name in facts.lacking]
    if not missing:
        return ""
    reasons = [reason for name in missing for reason in problems_of(facts, name, t)]
    return t("pve.lack", reasons=", ".join(dict.fromkeys(reasons)) or t("pve.problem.failed"))


def problems_of(facts: Facts, collector: str, t: Language) -> list[str]:
    """Return why a collector lacks something, in words."""
    found = []
    for row, _ in sorted(facts.rows("hune_pve_collector_problems"), key=lambda pair: -pair[1]):
        if row.get("collector") != collector:
            continue
        kind, privilege = row.get("kind", ""), row.get("privilege", "")
        if kind == "forbidden" and privilege:
            found.append(t("pve.needs", privilege=privilege.replace("|", t("pve.or")), path=row.get("acl_path") or "/"))
        else:
            found.append(t(f"pve.problem.{kind}") if t.has(f"pve.problem.{kind}") else t("pve.problem.failed"))
    return found
