"""A small site that can be made to play: what Prometheus, the store, the hub and the conductor would answer about it.

A double for the pages alone. It knows only the expressions that the pages ask (`hune.nester.queries`,
`hune.nester.history`) and refuses all others, as Prometheus refuses what it can't parse; that the real Prometheus gives
answers of the same shape is tested in tests/integration/nester.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from hune.http.control import ControlServer
from hune.nester import history, queries
from hune.site.models import Site
from support.fake_hub import FakeHub

TICK = "hune:tick"
CHIP = "platform_coretemp_0"
CORES = 6
MEMORY_BYTES = 33_392_848_896.0
SERVICES = ("prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter", "hub", "nester")


@dataclass
class FakeNode:
    """A machine that answers as told. `dead_at` and `heated_at` are moments (seconds since the epoch)."""

    name: str
    celsius: float
    cpu_ratio: float
    memory_ratio: float
    disk_ratio: float
    load: float
    up_seconds: float
    thermal: bool = True
    lab: bool = False
    heated_at: float | None = None
    usual_celsius: float = 0.0
    dead_at: float | None = None
    exporter_silent_at: float | None = None
    speeds_bits: dict[str, float] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)

    def labels(self, **more: str) -> dict[str, str]:
        return {"node": self.name, **({"lab": "true"} if self.lab else {}), **more}

    @property
    def silent_at(self) -> float | None:
        return self.dead_at if self.dead_at is not None else self.exporter_silent_at


class FakeEngines(FakeHub):
    """The engines of a site; every attribute may be changed while they serve."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.nodes = {node.name: _node(place, node) for place, node in enumerate(site.nodes)}
        self.unhealthy: dict[str, str] = {}
        self.failing_probes: set[str] = set()
        self.started = False
        """Whether anything has been measured; a fresh stack has not."""
        self.empty = False
        self.frozen_at: float | None = None
        """Since when Prometheus evaluates nothing more; it still answers."""
        self.prometheus_answers = True
        self.store_answers = True
        self.asked: list[str] = []

    # What can be done to the site.

    def heat(self, name: str, celsius: float, *, seconds_ago: float = 150.0) -> None:
        """Heat a node, and fire the alert."""
        node = self.nodes[name]
        node.usual_celsius = node.celsius
        node.heated_at = time.time() - seconds_ago
        node.celsius, node.cpu_ratio, node.load = celsius, 0.97, 6.4
        self.fire("CpuHot", name, value=celsius, threshold=70.0, unit="°C", peak=celsius + 3, ago=seconds_ago - 20)

    def kill(self, name: str, *, seconds_ago: float = 75.0) -> None:
        """Kill a node, and fire the alert."""
        self.nodes[name].dead_at = time.time() - seconds_ago
        self.fire("NodeDown", name, ago=seconds_ago - 3)

    def unplug(self, name: str, device: str, *, seconds_ago: float = 42.0) -> None:
        """Pull a cable, and fire the alert."""
        self.nodes[name].dark.add(device)
        self.fire("LinkDown", name, device=device, ago=seconds_ago)

    def slow(self, name: str, device: str, *, bits: float = 1e9, seconds_ago: float = 400.0) -> None:
        """Negotiate a port down, and fire the alert."""
        self.nodes[name].speeds_bits[device] = bits
        self.fire(
            "LinkSlow",
            name,
            severity="warning",
            device=device,
            value=bits / 1e9,
            threshold=10.0,
            unit="Gbit/s",
            ago=seconds_ago,
        )

    def is_lab(self, node: str) -> bool:
        return node in self.nodes and self.nodes[node].lab

    def freeze(self, *, seconds_ago: float = 25.0) -> None:
        """Stop measuring: Prometheus answers, but with nothing new."""
        self.frozen_at = time.time() - seconds_ago

    # What the engines answer.

    def vector(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query. Raises ValueError for one that the pages don't ask."""
        if self.empty:
            return []
        now = time.time()
        if expression == queries.LIVE:
            return [_row(labels, value, now) for labels, value in self._live(now)]
        if expression == queries.VITALS:
            return [_row(labels, value, now) for labels, value in self._vitals(now)]
        raise ValueError(f"unknown expression: {expression}")

    def _live(self, now: float) -> Iterator[tuple[dict[str, str], float]]:
        # A frozen Prometheus answers with its last values for five minutes.
        then = self.frozen_at or now
        yield {"read": "tick_age"}, now - then + 0.4
        for node in self.nodes.values():
            yield node.labels(read="scrape_age", job="node-fast"), now - then + 0.6
            dead = node.dead_at is not None
            remote = next(each for each in self.site.nodes if each.name == node.name).is_remote
            yield node.labels(__name__="hune:node_up", remote=str(remote).lower()), 0.0 if dead else 1.0
            if node.silent_at is not None:
                continue
            yield from self._heat_of(node, then)
            yield from self._links_of(node)
        for alert in self.alerts:
            if alert["state"] == "firing":
                yield {"__name__": "ALERTS", "alertstate": "firing", **alert["labels"]}, 1.0
                yield {"__name__": "ALERTS_FOR_STATE", **alert["labels"]}, alert["starts_at"]

    def _heat_of(self, node: FakeNode, now: float) -> Iterator[tuple[dict[str, str], float]]:
        if not node.thermal:
            return
        yield node.labels(__name__="hune:cpu_limit_celsius", chip=CHIP), self._limit(node.name)
        for core in range(CORES):
            celsius = node.celsius - (1, 3, 0, 4, 2, 5)[core] - 0.6 * abs(math.sin(now / 7 + core))
            labels = {"chip": CHIP, "sensor": f"temp{core + 2}", "label": f"Core {core}"}
            yield node.labels(__name__="hune:cpu_celsius", **labels), round(celsius)
        package = {"chip": CHIP, "sensor": "temp1", "label": "Package id 0"}
        yield node.labels(__name__="hune:cpu_celsius", **package), node.celsius

    def _limit(self, name: str) -> float:
        node = next(node for node in self.site.nodes if node.name == name)
        return self.site.thresholds_of(node).cpu_celsius.limit

    def _links_of(self, node: FakeNode) -> Iterator[tuple[dict[str, str], float]]:
        for device, bits in node.speeds_bits.items():
            lit = device not in node.dark
            yield node.labels(__name__="hune:link_up", device=device), float(lit)
            if lit:
                yield node.labels(__name__="hune:link_speed_bytes", device=device), bits / 8

    def _vitals(self, now: float) -> Iterator[tuple[dict[str, str], float]]:
        age = now - (self.frozen_at or now) + 6.0
        for node in self.nodes.values():
            yield node.labels(read="age", job="node"), age
            # Rates go on for a minute after the last scrape, plain values end with it.
            if node.silent_at is not None:
                continue
            sway = 1 + 0.02 * math.sin(now / 11)
            for read, value in (
                ("cpu_ratio", min(1.0, node.cpu_ratio * sway)),
                ("cpus", float(CORES)),
                ("memory_bytes", MEMORY_BYTES),
                ("memory_ratio", node.memory_ratio),
                ("load", node.load * sway),
                ("booted_at", now - node.up_seconds),
                ("disk_ratio", node.disk_ratio),
            ):
                yield {"node": node.name, "read": read}, value
        for probe in self.site.probes:
            good = probe.name not in self.failing_probes
            labels = {"probe": probe.name, "type": probe.type}
            yield {**labels, "read": "probe_age"}, age
            yield {**labels, "read": "probe_success"}, float(good)
            yield {**labels, "read": "probe_seconds"}, 0.004 + 0.019 * len(probe.name) / 3

    def matrix(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the result of a range query to the store. Raises ValueError for one that the pages don't ask."""
        kind, name = self._recognise(expression)
        found = []
        for place, node in enumerate(self.nodes.values()):
            if name and node.name != name:
                continue
            devices = list(node.speeds_bits) if kind in ("received", "sent") else [""]
            if kind == "hot" and not node.thermal:
                continue
            for device in devices:
                labels = {"node": node.name, **({"device": device} if device else {})}
                points = [
                    [at, f"{self._then(kind, node, device, place, at):.4f}"]
                    for at in _steps(start, end, step)
                    if node.silent_at is None or at < node.silent_at
                ]
                if points:
                    found.append({"metric": labels, "values": points})
        return [] if self.empty else found

    def _recognise(self, expression: str) -> tuple[str, str]:
        templates = {
            "hot": history.HOT,
            "busy": history.BUSY,
            "used": history.USED,
            "received": history.RECEIVED,
            "sent": history.SENT,
        }
        for span in (*history.SPARKS, *history.WALLS, history.DAY, *history.RANGES.values()):
            for kind, template in templates.items():
                for node in ["", *self.nodes]:
                    watched = self.nodes[node].speeds_bits if node else {}
                    for devices in ("", history.only(list(watched)) if watched else ""):
                        if expression == history.expression(template, span, node=node, devices=devices):
                            return kind, node
        raise ValueError(f"unknown expression: {expression}")

    def _then(self, kind: str, node: FakeNode, device: str, place: int, at: float) -> float:
        slow, quick = math.sin(at / 1900 + place * 1.7), math.sin(at / 310 + place) + 0.5 * math.sin(at / 97 + place)
        daily = math.sin((at % 86_400) / 86_400 * 2 * math.pi - 2)
        if kind == "hot":
            usual = (node.usual_celsius or node.celsius) + 2.2 * slow + 0.9 * quick + 2 * daily
            if node.heated_at is None or at < node.heated_at - 600:
                return usual
            rise = min(1.0, (at - node.heated_at + 600) / 600)
            return usual + (node.celsius - usual) * rise**2
        if kind == "busy":
            return max(0.01, min(1.0, node.cpu_ratio * (1 + 0.35 * slow + 0.2 * quick)))
        if kind == "used":
            return max(0.05, min(1.0, node.memory_ratio * (1 + 0.03 * slow)))
        busy = 1.6e9 if device.endswith("f0") else 4e8
        return max(0.0, busy * (0.6 + 0.3 * slow + 0.25 * quick + 0.2 * daily) * (1.0 if kind == "received" else 0.6))

    def health(self) -> dict[str, Any]:
        """Return what the conductor says."""
        rows = [
            {
                "name": name,
                "healthy": name not in self.unhealthy,
                "detail": self.unhealthy.get(name, "ready"),
                "address": "127.0.0.1:1",
                "pid": 1,
                "since": time.time() - 3600,
            }
            for name in SERVICES
        ]
        return {"healthy": not self.unhealthy, "services": rows}

    # How they are served.

    @contextlib.asynccontextmanager
    async def serving(self, *, engines_port: int, hub_port: int, socket: Path | None = None) -> AsyncIterator[None]:
        """Serve: `/prometheus` and `/store` on one port, the hub on its own, the conductor on a socket."""
        runners = [
            await _serve(
                engines_port,
                web.post("/prometheus/api/v1/query", self._on_query),
                web.post("/store/api/v1/query_range", self._on_range),
            ),
            await _serve(hub_port, *self.routes()),
        ]
        conductor = ControlServer(socket, {("GET", "/health"): self._on_health}) if socket else None
        try:
            if conductor:
                await conductor.start()
            yield
        finally:
            if conductor:
                await conductor.stop()
            for runner in runners:
                await runner.cleanup()

    async def _on_query(self, request: web.Request) -> web.Response:
        if not self.prometheus_answers:
            return web.Response(status=503)
        form = await request.post()
        self.asked.append(str(form["query"]))
        return _answer("vector", lambda: self.vector(str(form["query"])))

    async def _on_range(self, request: web.Request) -> web.Response:
        if not self.store_answers:
            return web.Response(status=503)
        form = await request.post()
        start, end, step = (float(str(form[key])) for key in ("start", "end", "step"))
        return _answer("matrix", lambda: self.matrix(str(form["query"]), start, end, step))

    async def _on_health(self, _body: Any) -> tuple[int, dict[str, Any]]:
        return 200 if not self.unhealthy else 503, self.health()


def _node(place: int, node: Any) -> FakeNode:
    thermal = node.is_remote
    return FakeNode(
        name=node.name,
        celsius=(47.0, 51.0, 44.0, 49.0)[place % 4],
        cpu_ratio=(0.12, 0.31, 0.07, 0.19)[place % 4],
        memory_ratio=(0.48, 0.61, 0.44, 0.35)[place % 4],
        disk_ratio=(0.41, 0.63, 0.38, 0.22)[place % 4],
        load=(0.9, 2.1, 0.42, 0.6)[place % 4],
        up_seconds=(41 * 86_400 + 7000.0, 41 * 86_400.0, 12 * 86_400 + 400.0, 6 * 3600 + 900.0)[place % 4],
        thermal=thermal,
        lab=node.lab,
        speeds_bits={link.device: float(link.speed or 1e9) for link in node.links},
    )


def _row(labels: dict[str, str], value: float, at: float) -> dict[str, Any]:
    return {"metric": labels, "value": [at, str(value)]}


def _steps(start: float, end: float, step: float) -> Iterator[float]:
    for i in range(int((end - start) / step) + 1):
        yield start + i * step


def _answer(kind: str, result: Any) -> web.Response:
    try:
        return web.json_response({"status": "success", "data": {"resultType": kind, "result": result()}})
    except ValueError as error:
        return web.json_response({"status": "error", "errorType": "bad_data", "error": str(error)}, status=400)


async def _serve(port: int, *routes: web.RouteDef) -> web.AppRunner:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    return runner
