"""The service: puts the pages together and serves them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.routing import Route

from hune.core.clock import Clock, SystemClock
from hune.core.layout import Layout
from hune.http.call import open_session
from hune.http.serve import HttpService, create_app
from hune.nester import heartbeats
from hune.nester.alert_pages import AlertPages
from hune.nester.api import Api
from hune.nester.archive_pages import ArchivePages
from hune.nester.assets import Assets
from hune.nester.desk import Desk
from hune.nester.doings import Doings
from hune.nester.events import Streams
from hune.nester.guard import Guard
from hune.nester.history import History
from hune.nester.hub.client import HubClient
from hune.nester.hub.dossiers import Dossiers
from hune.nester.pages import Pages
from hune.nester.paper import Paper
from hune.nester.poll import Poller
from hune.nester.proxmox.asking import Clusters
from hune.nester.runbooks import Runbooks
from hune.nester.sign_in_pages import SignInPages
from hune.nester.sources import conductor_health
from hune.nester.upkeep_pages import UpkeepPages
from hune.nester.views.look import Renderer
from hune.nester.visitors import Visitors
from hune.promapi.prometheus import PrometheusClient
from hune.site.models import Site


class Nester:
    """The web pages of a site, as a `Service`."""

    name = "nester"

    def __init__(self, site: Site, layout: Layout, *, clock: Clock | None = None) -> None:
        self._site = site
        self._layout = layout
        self._clock = clock or SystemClock()

    async def run(self, ready: asyncio.Event) -> None:
        """Serve the pages until cancelled.

        Raises Unavailable if the address is taken or the pages were never bundled.
        """
        try:
            await self._serve(ready)
        except BaseExceptionGroup as errors:
            # One reason is told as it is, not as a group of one.
            if len(errors.exceptions) == 1:
                raise errors.exceptions[0] from None
            raise

    async def _serve(self, ready: asyncio.Event) -> None:
        site = self._site
        # In a thread: all that is read from the disk is read here, once.
        assets = await asyncio.to_thread(Assets.load)
        runbooks = await asyncio.to_thread(Runbooks.load)
        renderer = await asyncio.to_thread(Renderer, assets, runbooks)
        registry = CollectorRegistry()
        watching = Gauge("hune_nester_streams", "Event streams that are open.", registry=registry)
        questions = Counter(
            "hune_nester_questions",
            "What the pages asked, by whom they asked and whether there was an answer.",
            ("source", "answered"),
            registry=registry,
        )

        def count(source: str, answered: bool) -> None:
            questions.labels(source, "yes" if answered else "no").inc()

        async with open_session() as session, asyncio.TaskGroup() as group:
            hub = HubClient(session, site.url("hub"))
            prometheus = PrometheusClient(session, site.url("prometheus"))
            clusters = Clusters(site, prometheus, self._clock, group)
            poller = Poller(
                site,
                prometheus,
                hub.alerts,
                lambda: conductor_health(self._layout.socket),
                self._clock,
                count,
                clusters=clusters,
            )
            history = History(PrometheusClient(session, site.url("victoriametrics")), self._clock, group)
            dossiers = Dossiers(hub, self._clock, group)
            desk = Desk(site, poller, history, clusters, dossiers, renderer)
            streams = Streams(desk, watching, build=assets.build)
            paper = Paper(desk, assets)
            pages = Pages(paper, runbooks)
            visitors = Visitors(hub, self._clock, public_url=site.public_url or "")
            doings = Doings(hub, dossiers, visitors, self._clock, desk)
            api = Api(desk, runbooks)

            async def health() -> Mapping[str, Any]:
                return {"healthy": True, "detail": "serves the pages"}

            app = create_app(
                routes=[
                    *pages.routes(),
                    # Before the alerts: its addresses begin like theirs.
                    *ArchivePages(paper, hub).routes(),
                    *AlertPages(paper, doings).routes(),
                    *UpkeepPages(paper, doings).routes(),
                    *SignInPages(paper, visitors).routes(),
                    *api.routes(),
                    *heartbeats.routes(session, site.url("hub"), [one.name for one in site.expects]),
                    Route("/events", streams.serve),
                    Route("/static/{path:path}", assets.serve),
                ],
                registry=registry,
                health=health,
                host_names=_host_names(site),
                exception_handlers={404: pages.not_found, 500: pages.broken},
            )
            guarded = Guard(app, public_url=site.public_url or "")
            serving = asyncio.create_task(
                HttpService(self.name, guarded, host=site.listen, port=site.port("nester")).run(ready),
                name="nester: http",
            )
            try:
                await asyncio.shield(serving)
            finally:
                # Streams would hold the server open for as long as it is patient.
                streams.close()
                serving.cancel()
                await asyncio.wait({serving})


def _host_names(site: Site) -> list[str]:
    # By its own name the others find it where each service has a machine or a container to itself.
    names = ["nester", socket.gethostname()]
    public = urlsplit(site.public_url or "").hostname
    return [*names, public] if public else names
