"""The pages: what each address answers."""

from __future__ import annotations

from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hune.http.serve import problem
from hune.nester import charts, history
from hune.nester.desk import is_vmid
from hune.nester.paper import Paper
from hune.nester.proxmox.choice import Choice
from hune.nester.runbooks import Runbooks
from hune.nester.views.node import find


class Pages:
    """Answers requests for pages."""

    def __init__(self, paper: Paper, runbooks: Runbooks) -> None:
        self._paper = paper
        self._desk = paper.desk
        self._runbooks = runbooks

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/", self.overview),
            Route("/wall", self.wall),
            Route("/nodes/{name}", self.node),
            Route("/clusters/{name}", self.cluster),
            Route("/clusters/{name}/guests/{vmid}", self.guest),
            Route("/runbooks", self.runbook),
            Route("/runbooks/{name}", self.runbook),
        ]

    async def overview(self, request: Request) -> Response:
        """The overview."""
        site = self._desk.site
        alone = not any(node.is_remote for node in site.nodes)
        return await self._paper.page(request, "overview.html", "overview", alone=alone, has_probes=bool(site.probes))

    async def wall(self, request: Request) -> Response:
        """The wall."""
        return await self._paper.page(request, "wall.html", "wall")

    async def node(self, request: Request) -> Response:
        """One machine and its history."""
        name = request.path_params["name"]
        if not self._desk.has_node(name):
            raise HTTPException(404)
        wished = request.query_params.get("range", "")
        chosen = wished if wished in history.RANGES else "1h"
        t = self._desk.language_of(request)
        snapshot = await self._desk.poller.current()
        node = find(self._desk.scene(snapshot, t.code), name)
        past = await charts.past(node, history.RANGES[chosen], self._desk.history, t)
        drawn = [{"name": panel.name, "drawing": charts.draw(panel, past, t)} for panel in past.panels]
        return await self._paper.page(
            request,
            "node.html",
            f"node/{name}",
            charts=drawn,
            range=chosen,
            ranges=tuple(history.RANGES),
            data={"history": f"/api/history/{name}"},
        )

    async def cluster(self, request: Request) -> Response:
        """A Proxmox cluster; `?show=`, `?q=`, `?sort=` and `?page=` choose among its guests."""
        name = request.path_params["name"]
        if not self._desk.has_cluster(name):
            raise HTTPException(404)
        choice = Choice.parse(request.url.query)
        view = f"cluster/{name}?{choice.query}" if choice.query else f"cluster/{name}"
        return await self._paper.page(request, "cluster.html", view, name="cluster", choice=choice)

    async def guest(self, request: Request) -> Response:
        """One guest of a cluster and its history."""
        name, vmid = request.path_params["name"], request.path_params["vmid"]
        if not self._desk.has_cluster(name) or not is_vmid(vmid):
            raise HTTPException(404)
        wished = request.query_params.get("range", "")
        chosen = wished if wished in history.RANGES else "1h"
        t = self._desk.language_of(request)
        await self._desk.poller.current()
        detail = await self._desk.clusters.detail(name)
        found = next((each for each in detail.guests if each.vmid == int(vmid)), None) if detail else None
        if found is None:
            raise HTTPException(404)
        past = await charts.past_of_guest(name, found.id, history.RANGES[chosen], self._desk.history, t)
        drawn = [{"name": panel.name, "drawing": charts.draw(panel, past, t)} for panel in past.panels]
        return await self._paper.page(
            request,
            "guest.html",
            f"guest/{name}/{vmid}",
            charts=drawn,
            range=chosen,
            ranges=tuple(history.RANGES),
            cluster=name,
            data={"history": f"/api/history/{name}/{vmid}"},
        )

    async def runbook(self, request: Request) -> Response:
        """What to do about an alert; without a name, the first of all."""
        names = self._runbooks.names()
        name = request.path_params.get("name") or (names[0] if names else "")
        runbook = self._runbooks.get(name)
        if runbook is None:
            raise HTTPException(404)
        others = [(each, found.title) for each in names if (found := self._runbooks.get(each))]
        return await self._paper.page(
            request, "runbook.html", "plain", name="runbook", html=runbook.html, others=others, current=runbook.name
        )

    async def not_found(self, request: Request, error: Exception) -> Response:
        """What is not there."""
        return await self._error(request, cast("HTTPException", error).status_code, error)

    async def broken(self, request: Request, error: Exception) -> Response:
        """What went wrong inside; the log has it already."""
        return await self._error(request, 500, error)

    async def _error(self, request: Request, status: int, error: Exception) -> Response:
        path = request.url.path
        if path.startswith(("/api/", "/static/", "/events")):
            detail = "internal error" if status == 500 else f"{path}: {getattr(error, 'detail', 'not found')}"
            return problem(status, detail)
        return await self._paper.page(
            request, "error.html", "plain", status=status, name="error", code=status, path=path
        )
