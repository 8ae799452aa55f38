"""Pages without a server: a renderer over assets that need no bundling, and a past that is told."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from hune.nester.assets import Assets
from hune.nester.history import History, Span
from hune.nester.hub.dossiers import Dossiers
from hune.nester.hub.model import Dossier
from hune.nester.language import Code, language
from hune.nester.proxmox.asking import Clusters
from hune.nester.proxmox.model import Detail, Facts
from hune.nester.runbooks import Runbooks
from hune.nester.snapshot import Snapshot, Source
from hune.nester.views.look import Look, Renderer, Scene
from hune.promapi.prometheus import Series
from hune.site.models import Site
from support.snapshots import NOW

NAMES = ("app.css", "app.js", "dark.css", "history.js", "live-worker.js", "wall.css")
ICONS = ("icons/hune.svg", "icons/hune-critical.svg")


class ToldClusters:
    """What is known of clusters, as a test tells it."""

    def __init__(self) -> None:
        self.details: dict[str, Detail] = {}
        self.facts = Facts()

    async def detail(self, name: str) -> Detail | None:
        return self.details.get(name)

    async def guest_facts(self, _cluster: str, _guest: str) -> Facts:
        return self.facts


class ToldDossiers:
    """What the hub says of single alerts, as a test tells it."""

    def __init__(self) -> None:
        self.dossiers: dict[str, Dossier] = {}
        self.answer: dict[str, Any] | None = None

    async def look(self, alert_id: str) -> Dossier | None:
        return self.dossiers[alert_id]

    async def why(self, _dossier: Dossier, _code: Code) -> dict[str, Any] | None:
        return self.answer


class ToldHistory:
    """The past as a test tells it: one curve for each node, by the template's first metric."""

    def __init__(self) -> None:
        self.source = Source("victoriametrics")
        self.points: dict[str, list[tuple[float, float]]] = {}
        self.thermal = True

    async def look(self, query: str, _span: Span) -> tuple[list[Series], float]:
        if self.thermal != ("hwmon" in query):
            return [], NOW
        return [Series({"node": name}, points) for name, points in self.points.items()], NOW

    by_node = History.by_node
    _by_node = History._by_node


@pytest.fixture
def past() -> ToldHistory:
    return ToldHistory()


@pytest.fixture
def told() -> ToldClusters:
    return ToldClusters()


@pytest.fixture
def dossiers() -> ToldDossiers:
    return ToldDossiers()


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    assets = Assets({name: name for name in (*NAMES, *ICONS)}, {})
    return Renderer(assets, Runbooks({"CpuHot": "# CPU too hot\n"}))


Show = Callable[..., Look]


@pytest.fixture
def show(renderer: Renderer, past: ToldHistory, told: ToldClusters, dossiers: ToldDossiers) -> Show:
    """Return a function that makes the look of a view of a snapshot."""

    def made(view: Any, snapshot: Snapshot, code: Code = "en", subject: str = "") -> Look:
        clusters = [{"name": each.name, "nodes": ["pve-01"]} for each in snapshot.clusters]
        nodes = [{"name": "pve-01", "address": "192.168.1.11", "kind": "proxmox"}]
        site = Site.model_validate({"name": snapshot.site, "nodes": nodes, "proxmox": clusters})
        known, hub = cast("Clusters", told), cast("Dossiers", dossiers)
        scene = Scene(site, snapshot, cast("History", past), language(code), renderer, known, hub, subject)
        look: Look = asyncio.run(view(scene))
        return look

    return made
