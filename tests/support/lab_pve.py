"""A simulated Proxmox cluster in memory: ask any node at any time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hune.lab.pve import breaking
from hune.lab.pve.api import PREFIX, Answer, Api, Request, routes
from hune.lab.pve.cluster import NUMBERS, Cluster
from hune.lab.pve.disks import OSD_DISK, POOL
from hune.lab.pve.routes import Facts, Route
from hune.lab.pve.storages import STORAGES
from hune.lab.state import LabState, Power, fresh

NOW = 1_795_262_400.0
"""Saturday 2026-11-21 12:00 UTC."""
TOKEN = "hune@pve!lab=0f4d8f6e-7a51-4b0c-9c1c-3f1f6a4f2b11"
FACTS = Facts("-----BEGIN CERTIFICATE-----\n", ":".join(["AB"] * 32))


@dataclass
class Stand:
    """The cluster, a clock that is moved by hand, and questions to it."""

    prefix: str = ""
    now: float = NOW
    state: LabState = field(init=False)

    def __post_init__(self) -> None:
        self.state = fresh(now=NOW, exporter="x", is_free=lambda *_: True)
        self.state.prefix = self.prefix

    def answer(self, target: str, *, here: int = 1, token: str = TOKEN, method: str = "GET") -> Answer:
        api = Api(self.state, here, TOKEN, FACTS, lambda: self.now)
        found = api.understand(Request(method, PREFIX + target, f"PVEAPIToken={token}" if token else ""))
        return found if isinstance(found, Answer) else found.answer()

    def get(self, target: str, *, here: int = 1) -> Any:
        """Return the `data` of an answer."""
        answer = self.answer(target, here=here)
        assert answer.status == 200, (target, answer.reason)
        return json.loads(answer.body)["data"]

    def rows(self, target: str, key: str, *, here: int = 1) -> dict[Any, dict[str, Any]]:
        """Return the rows of an answer by one of their keys."""
        return {row[key]: row for row in self.get(target, here=here)}

    def do(self, fault: str, subject: str, value: float | None = None) -> dict[str, Any]:
        return breaking.begin(self.state, fault, subject, value, self.now)

    def mend(self, subject: str = "") -> list[dict[str, Any]]:
        return breaking.mend(self.state, subject, self.now)

    def kill(self, name: str, power: Power = "refuse") -> None:
        node = self.state.nodes[name]
        node.power, node.down_since = power, self.now

    def revive(self, name: str) -> None:
        node = self.state.nodes[name]
        number = next(number for number in NUMBERS if Cluster(self.state, self.now).machine(number).name == name)
        self.state.pve.started |= Cluster(self.state, self.now).survivors([number])
        node.power, node.down_since, node.boot_time = "up", None, self.now

    def questions(self, route: Route) -> Iterator[str]:
        """Return everything that can be asked of an endpoint, a task's state apart."""
        if "{node}" not in route.pattern:
            jobs = [row["id"] for row in self.get("/cluster/backup")]
            yield from {route.pattern.format(id=job) for job in jobs} if "{id}" in route.pattern else [route.pattern]
            return
        cluster = Cluster(self.state, self.now)
        for number in NUMBERS:
            node = cluster.name(number)
            if not cluster.lives(number):
                continue
            found = route.pattern.replace("{node}", node).replace("{name}", POOL)
            if "{storage}" in found:
                yield from (found.replace("{storage}", storage.name) for storage in STORAGES)
            elif "{vmid}" in found:
                kind = "lxc" if "/lxc/" in found else "qemu"
                yield from (found.replace("{vmid}", str(one.guest.vmid)) for one in cluster.guests_on(number, kind))
            elif "{upid}" in found:
                upids = [row["upid"] for row in self.get(f"/nodes/{node}/tasks?source=all")]
                yield from (found.replace("{upid}", upid) for upid in upids[:3])
            elif "{id}" in found:
                yield from (found.replace("{id}", row["id"]) for row in self.get(f"/nodes/{node}/replication"))
            else:
                needed = {"smart": f"?disk={OSD_DISK}", "rrddata": "?timeframe=hour"}
                yield found + needed.get(found.rpartition("/")[2], "")

    def everything(self) -> Iterator[tuple[str, str, Answer]]:
        """Ask everything; yield the endpoint's pattern, what was asked, and the answer."""
        for route in routes():
            for target in self.questions(route):
                yield route.pattern, target, self.answer(target)
