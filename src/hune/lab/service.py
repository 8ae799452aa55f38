"""The lab as a service: three machines, moved on every second, and the faults that are asked for."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from typing import Any, TypeVar

from hune.core.clock import Clock, SystemClock
from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.http.control import ControlServer
from hune.lab import exporter, state
from hune.lab.hardware import MACHINES, Port
from hune.lab.node import Node
from hune.lab.places import events_path, socket_path
from hune.lab.ports import PortState
from hune.lab.pve import backing_up, breaking, identity
from hune.lab.pve.api import Api
from hune.lab.pve.cluster import FENCE_SECONDS, Cluster
from hune.lab.pve.routes import Facts
from hune.lab.pve.server import ApiServer
from hune.lab.pve.usage import Usage
from hune.lab.state import LabState, Power
from hune.lab.station import Station

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# A core throttles itself at 100 °C and switches off soon after.
MIN_CELSIUS, MAX_CELSIUS = 20.0, 110.0

_T = TypeVar("_T")
_Body = Mapping[str, Any]
_Answer = tuple[int, Mapping[str, Any]]


class Lab:
    """The simulated site; commands come to its socket, one at a time, and are kept in its state."""

    name = "lab"

    def __init__(
        self,
        layout: Layout,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._layout = layout
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()  # noqa: S311 - weather, not cryptography
        self._turn = asyncio.Lock()
        self._stations: dict[str, Station] = {}
        self._sampled = 0.0

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled; nothing of it is left then but the trees and the state."""
        # One thread does all that touches files, so that ticks and commands never mix.
        self._files = ThreadPoolExecutor(1, thread_name_prefix="lab-files")
        server = ControlServer(socket_path(self._layout), self._handlers())
        try:
            await self._do(self._open)
            async with asyncio.TaskGroup() as self._group:
                await server.start()
                await asyncio.gather(*(self._settle(station) for station in self._stations.values()))
                self._group.create_task(self._drift(), name="lab drift")
                ready.set()
        finally:
            await server.stop()
            for station in self._stations.values():
                await station.close()
            self._files.shutdown(wait=False, cancel_futures=True)

    def _open(self) -> None:
        layout, now = self._layout, self._clock.now
        kept = state.load(layout)
        if kept is None:
            raise InputError(f"{state.path(layout)}: missing or damaged", remedy="run: hune lab down, then hune lab up")
        self._state: LabState = kept
        proof = identity.ensure(layout)
        facts = Facts(proof.certificate, proof.fingerprint)
        cluster = Cluster(kept, now())
        usage = Usage(cluster, cluster.sampled)
        for machine in MACHINES:
            root, faults = layout.lab / machine.name, kept.nodes[machine.name]
            demand = usage.demand(machine.number)
            node = Node(machine, faults, root, now=now, rng=self._rng, prefix=kept.prefix, demand=demand)
            node.lay()
            argv = exporter.command(self._state.exporter, node.root, machine.address, self._state.exporter_port)
            child = exporter.Exporter(argv, machine.address, self._state.exporter_port, node.name)
            api = ApiServer(Api(kept, machine.number, proof.token, facts, now), proof.context)
            self._stations[node.name] = Station(
                node, child, api, exporter_port=self._state.exporter_port, machine_port=self._state.machine_port
            )

    async def _settle(self, station: Station) -> None:
        try:
            await station.apply(station.node.state.power, self._group)
        except Unavailable as error:
            log.error("%s", error)

    async def _drift(self) -> None:
        last = self._clock.monotonic()
        failing = False
        while True:
            await self._clock.sleep(TICK_SECONDS - (self._clock.monotonic() - last) % TICK_SECONDS)
            now = self._clock.monotonic()
            try:
                await self._do(self._tick, now - last)
                if failing:
                    log.info("trees are written again")
                failing = False
            except OSError as error:
                if not failing:
                    log.error("can't write the trees: %s", error.strerror or error)
                failing = True
            last = now

    def _tick(self, seconds: float) -> None:
        self._follow()
        for station in self._stations.values():
            if station.node.state.power in ("up", "exporter"):
                station.node.tick(seconds)

    def _follow(self, *, now: bool = False) -> None:
        """Let the living machines do what their guests ask, when Proxmox measures it or at once."""
        cluster = Cluster(self._state, self._clock.now())
        if not now and cluster.sampled == self._sampled:
            return
        self._sampled = cluster.sampled
        usage = Usage(cluster, cluster.sampled)
        for station in self._stations.values():
            if station.node.state.power in ("up", "exporter"):
                station.node.expect(usage.demand(station.node.machine.number))

    def _handlers(self) -> dict[tuple[str, str], Callable[[_Body], Awaitable[_Answer]]]:
        commands = {
            "heat": self._heat,
            "cool": self._cool,
            "unplug": self._unplug,
            "plug": self._plug,
            "slow": self._slow,
            "kill": self._kill,
            "revive": self._revive,
            "fence": self._fence,
            "break": self._break,
            "mend": self._mend,
            "start-backup": self._start_backup,
            "end-backup": self._end_backup,
        }
        handlers: dict[tuple[str, str], Callable[[_Body], Awaitable[_Answer]]] = {
            ("POST", f"/{name}"): functools.partial(self._command, name, act) for name, act in commands.items()
        }
        handlers["GET", "/status"] = self._status
        return handlers

    async def _command(
        self, name: str, act: Callable[[_Body], Awaitable[list[dict[str, Any]]]], body: _Body
    ) -> _Answer:
        """Carry out one command, keep the state, and answer with what happened."""
        async with self._turn:
            try:
                events = [{"event": name} | event for event in await act(body)]
                await self._do(self._keep, events)
            except OSError as error:
                raise Unavailable(f"{error.filename or 'lab'}: {error.strerror or error}") from error
        return 200, {"events": events}

    def _keep(self, events: list[dict[str, Any]]) -> None:
        with events_path(self._layout).open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
        self._state.save(self._layout)

    async def _heat(self, body: _Body) -> list[dict[str, Any]]:
        station, celsius = self._station(body), _celsius(body.get("celsius"))
        moment = await self._do(station.node.heat, celsius)
        return [{"time": moment, "node": station.node.name, "celsius": celsius}]

    async def _cool(self, body: _Body) -> list[dict[str, Any]]:
        hot = [station for station in self._chosen(body) if station.node.state.heat_celsius is not None]
        return [await self._do(_cool_down, station.node) for station in hot]

    async def _unplug(self, body: _Body) -> list[dict[str, Any]]:
        change = PortState.disable if body.get("admin") else PortState.unplug
        return [await self._change(self._station(body), body, change)]

    async def _slow(self, body: _Body) -> list[dict[str, Any]]:
        return [await self._change(self._station(body), body, PortState.slow_down)]

    async def _plug(self, body: _Body) -> list[dict[str, Any]]:
        if body.get("device"):
            return [await self._change(self._station(body), body, PortState.plug)]
        return [
            await self._change(station, {"device": port.name}, PortState.plug)
            for station in self._chosen(body)
            for port in station.node.machine.switchable
            if station.node.port_state(port).fault
        ]

    async def _change(self, station: Station, body: _Body, change: Callable[[PortState], PortState]) -> dict[str, Any]:
        port = _port(station, body.get("device"))
        new = change(station.node.port_state(port))
        moment = await self._do(station.node.set_port, port, new)
        return {"time": moment, "node": station.node.name, "device": port.name, "fault": new.fault}

    async def _kill(self, body: _Body) -> list[dict[str, Any]]:
        how = body.get("how", "refuse")
        if how not in state.POWERS or how == "up":
            raise InputError(f"{how}: no such way to die", remedy="give refuse, hang or exporter")
        stations = [self._station({"node": name}) for name in body.get("nodes", [body.get("node", "")])]
        return [await self._power(station, how) for station in stations]

    async def _fence(self, body: _Body) -> list[dict[str, Any]]:
        # The minute in which the cluster waits for it to return is over already.
        return [await self._power(self._station(body), "refuse", dead_seconds=FENCE_SECONDS)]

    async def _break(self, body: _Body) -> list[dict[str, Any]]:
        kind, subject = str(body.get("fault", "")), str(body.get("subject", ""))
        event = breaking.begin(self._state, kind, subject, body.get("value"), self._clock.now())
        await self._do(functools.partial(self._follow, now=True))
        return [event]

    async def _mend(self, body: _Body) -> list[dict[str, Any]]:
        events = breaking.mend(self._state, str(body.get("subject") or ""), self._clock.now())
        await self._do(functools.partial(self._follow, now=True))
        return events

    async def _start_backup(self, body: _Body) -> list[dict[str, Any]]:
        now, stops = self._clock.now(), bool(body.get("stop"))
        event = backing_up.begin(self._state, str(body.get("subject", "")), stops=stops, now=now)
        await self._do(functools.partial(self._follow, now=True))
        return [event]

    async def _end_backup(self, body: _Body) -> list[dict[str, Any]]:
        now, wanted = self._clock.now(), str(body.get("subject") or "")
        events = backing_up.end(self._state, wanted, failed=bool(body.get("failed")), now=now)
        await self._do(functools.partial(self._follow, now=True))
        return events

    async def _revive(self, body: _Body) -> list[dict[str, Any]]:
        dead = [station for station in self._chosen(body) if station.node.state.power != "up"]
        return [await self._power(station, "up") for station in dead]

    async def _power(self, station: Station, power: Power, *, dead_seconds: float = 0.0) -> dict[str, Any]:
        node = station.node
        if power in ("up", "exporter") and node.state.down_since is not None:
            await self._do(self._boot, node)
        moment = self._clock.now()
        if power in ("refuse", "hang") and (node.state.down_since is None or dead_seconds):
            node.state.down_since = moment - dead_seconds
            backing_up.interrupt(self._state, node.machine.number, moment)
            self._state.pve.forget_starts(node.machine.number)
        node.state.power = power
        await self._do(functools.partial(self._follow, now=True))
        await station.apply(power, self._group)
        return {"time": moment, "node": node.name, "power": power}

    def _boot(self, node: Node) -> None:
        cluster = Cluster(self._state, self._clock.now())
        # What was recovered elsewhere comes back without stopping.
        self._state.pve.started |= cluster.survivors([node.machine.number])
        node.state.down_since = None
        node.reboot()

    async def _status(self, _: _Body) -> _Answer:
        nodes = [await self._do(self._describe, station) for station in self._stations.values()]
        faults = [breaking.describe(self._state, fault) for fault in self._state.pve.faults]
        return 200, {"nodes": nodes, "faults": [*faults, *backing_up.noteworthy(self._state)]}

    def _describe(self, station: Station) -> dict[str, Any]:
        node = station.node
        return {
            "node": node.name,
            "power": node.state.power,
            "problem": station.problem,
            "address": node.machine.address,
            "exporter_port": self._state.exporter_port,
            "machine_port": self._state.machine_port,
            "exporter_pid": station.exporter.pid,
            "boot_time": node.state.boot_time,
            "celsius": node.celsius,
            "heat_celsius": node.state.heat_celsius,
            "links": [
                {"device": port.name, "fault": current.fault, "carrier_changes": current.changes}
                for port in node.machine.switchable
                for current in (node.port_state(port),)
            ],
        }

    def _chosen(self, body: _Body) -> list[Station]:
        """Return the node that was named, or all of them."""
        return [self._station(body)] if body.get("node") else list(self._stations.values())

    def _station(self, body: _Body) -> Station:
        name = str(body.get("node", ""))
        for known in (name.lower(), self._state.prefix + name.lower()):
            if known in self._stations:
                return self._stations[known]
        raise InputError(f"{name}: no such node of the lab", remedy=_nearest(name.lower(), self._stations))

    async def _do(self, work: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._files, work, *args)


def _cool_down(node: Node) -> dict[str, Any]:
    return {"time": node.cool(), "node": node.name, "celsius": node.celsius}


def _celsius(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError("celsius: not a number", remedy="give degrees Celsius: 78")
    if not MIN_CELSIUS <= value <= MAX_CELSIUS:
        raise InputError(
            f"{value:g} °C: no such CPU", remedy=f"give {MIN_CELSIUS:g} to {MAX_CELSIUS:g}; this one throttles at 100"
        )
    return round(float(value), 1)


def _port(station: Station, name: Any) -> Port:
    ports = {port.name: port for port in station.node.machine.switchable}
    if name not in ports:
        raise InputError(f"{name}: {station.node.name} has no such port", remedy=_nearest(str(name), ports))
    return ports[name]


def _nearest(wrong: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(wrong, known, 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
