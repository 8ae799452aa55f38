"""What the scripts of the pages, and other programs, ask for as JSON."""

from __future__ import annotations

import dataclasses

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hune.nester import charts, history
from hune.nester.desk import Desk, is_vmid
from hune.nester.judge import alerts_of, judge_node, judge_probe, overall
from hune.nester.language import utc_offset_seconds
from hune.nester.runbooks import Runbooks
from hune.nester.snapshot import Snapshot
from hune.nester.views.alert_row import alert_path
from hune.nester.views.node import find
from hune.nester.views.words import alert_title


class Api:
    """Answers requests for JSON."""

    def __init__(self, desk: Desk, runbooks: Runbooks) -> None:
        self._desk = desk
        self._runbooks = runbooks

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/api/overview", self.overview),
            Route("/api/history/{name}", self.history),
            Route("/api/history/{name}/{vmid}", self.guest_history),
            Route("/api/search", self.search),
        ]

    async def overview(self, _request: Request) -> Response:
        """The snapshot that the overview is made of, with the states that follow from it."""
        return JSONResponse(overview_json(await self._desk.poller.current()))

    async def history(self, request: Request) -> Response:
        """The charts of a machine: `?range=1h|24h|30d`."""
        name, wished = request.path_params["name"], request.query_params.get("range", "1h")
        if not self._desk.has_node(name) or wished not in history.RANGES:
            raise HTTPException(404)
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        node = find(self._desk.scene(snapshot, t.code), name)
        past = await charts.past(node, history.RANGES[wished], self._desk.history, t)
        return JSONResponse(past.data(utc_offset_seconds(snapshot.taken_at)))

    async def guest_history(self, request: Request) -> Response:
        """The charts of a guest: `?range=1h|24h|30d`."""
        name, vmid = request.path_params["name"], request.path_params["vmid"]
        wished = request.query_params.get("range", "1h")
        if not self._desk.has_cluster(name) or not is_vmid(vmid) or wished not in history.RANGES:
            raise HTTPException(404)
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        detail = await self._desk.clusters.detail(name)
        found = next((guest for guest in detail.guests if guest.vmid == int(vmid)), None) if detail else None
        if found is None:
            raise HTTPException(404)
        past = await charts.past_of_guest(name, found.id, history.RANGES[wished], self._desk.history, t)
        return JSONResponse(past.data(utc_offset_seconds(snapshot.taken_at)))

    async def search(self, request: Request) -> Response:
        """Everything that can be gone to: pages, machines, open alerts, runbooks."""
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        found = [
            {"text": t(f"page.{name}"), "hint": t("search.page"), "url": url}
            for name, url in (
                ("overview", "/"),
                ("alerts", "/alerts"),
                ("archive", "/alerts/history"),
                ("maintenance", "/maintenance"),
                ("wall", "/wall"),
            )
        ]
        found += [
            {"text": node.name, "hint": t(f"state.{judge_node(node, snapshot).state}"), "url": f"/nodes/{node.name}"}
            for node in snapshot.nodes
        ]
        found += [
            {"text": each.name, "hint": t("pve.kind"), "url": f"/clusters/{each.name}"} for each in snapshot.clusters
        ]
        for guest in await self._desk.clusters.guest_names():
            vmid = guest.id.rpartition("/")[2]
            url = f"/clusters/{guest.cluster}/guests/{vmid}"
            found.append(
                {"text": f"{guest.name} {vmid}".strip(), "hint": f"{guest.cluster} · {guest.node}", "url": url}
            )
        for alert in snapshot.open_alerts:
            node = alert.label("node")
            url = alert_path(alert) or (f"/nodes/{node}" if self._desk.has_node(node) else "/alerts")
            since = t.duration(snapshot.taken_at - alert.starts_at)
            found.append({"text": alert_title(alert, t), "hint": since, "url": url})
        for name in self._runbooks.names():
            runbook = self._runbooks.get(name)
            if runbook:
                found.append({"text": runbook.title, "hint": t("page.runbook"), "url": f"/runbooks/{name}"})
        return JSONResponse(found)


def overview_json(snapshot: Snapshot) -> dict[str, object]:
    """Return a snapshot as JSON: what is measured, and the state of each thing."""
    content = dataclasses.asdict(snapshot)
    for node, row in zip(snapshot.nodes, content["nodes"], strict=True):
        verdict = judge_node(node, snapshot)
        row["state"], row["stale"] = verdict.state, verdict.stale
        row["alerts"] = [alert.id for alert in alerts_of(node, snapshot)]
    for probe, row in zip(snapshot.probes, content["probes"], strict=True):
        row["state"] = judge_probe(probe, snapshot.taken_at)
    for row in content["alerts"]:
        row["labels"], row["annotations"] = dict(row["labels"]), dict(row["annotations"])
    return {"state": overall(snapshot), **content}
