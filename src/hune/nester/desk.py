"""The views by name: makes the look of a page once for all who watch it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from hune.nester.history import History
from hune.nester.hub.dossiers import Dossiers
from hune.nester.language import Code, Language, choose, is_language, language
from hune.nester.poll import Poller
from hune.nester.proxmox.asking import Clusters
from hune.nester.snapshot import Snapshot
from hune.nester.views.alert import alert
from hune.nester.views.alerts import alerts
from hune.nester.views.look import Look, Renderer, Scene
from hune.nester.views.node import node
from hune.nester.views.overview import overview
from hune.nester.views.plain import plain
from hune.nester.views.proxmox.cluster import cluster
from hune.nester.views.proxmox.guest import guest
from hune.nester.views.wall import wall
from hune.site.models import Site

_VIEWS: dict[str, Callable[[Scene], Awaitable[Look]]] = {
    "alert": alert,
    "alerts": alerts,
    "cluster": cluster,
    "guest": guest,
    "node": node,
    "overview": overview,
    "plain": plain,
    "wall": wall,
}

_KEPT_LOOKS = 256
# Two filters of sixty letters, each of which takes up to twelve in an address.
_LONGEST_VIEW = 1600


def is_vmid(text: str) -> bool:
    """Whether a text is the number of a guest."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def is_number(text: str) -> bool:
    """Whether a text is the number of an alert."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def _parted(view: str) -> tuple[str, str]:
    """Return what kind of view a name means, and what it is about: `node` and `pve-01`, `alerts` and `?q=down`."""
    kind, slash, subject = view.partition("/")
    if slash:
        return kind, subject
    kind, mark, query = view.partition("?")
    return kind, mark + query


@dataclass(frozen=True, slots=True)
class ViewName:
    """A page in a language, as the browser asks for it: `overview:fr`, `node/pve-01:en`."""

    view: str
    code: Code

    def __str__(self) -> str:
        return f"{self.view}:{self.code}"


class Desk:
    """Where pages and event streams get their looks."""

    def __init__(
        self,
        site: Site,
        poller: Poller,
        history: History,
        clusters: Clusters,
        dossiers: Dossiers,
        renderer: Renderer,
    ) -> None:
        self.site = site
        self.poller = poller
        self.history = history
        self.clusters = clusters
        self.dossiers = dossiers
        self.renderer = renderer
        self._looks: dict[ViewName, tuple[int, Look]] = {}

    def parse(self, text: str) -> ViewName | None:
        """Return the view that a text names, None if there is none."""
        view, _, code = text.rpartition(":")
        kind, subject = _parted(view)
        if kind not in _VIEWS or not is_language(code) or len(view) > _LONGEST_VIEW or not self._has(kind, subject):
            return None
        return ViewName(view, "fr" if code == "fr" else "en")

    def _has(self, kind: str, subject: str) -> bool:
        if kind == "node":
            return self.has_node(subject)
        if kind == "cluster":
            return self.has_cluster(subject.partition("?")[0])
        if kind == "guest":
            name, _, vmid = subject.partition("/")
            return self.has_cluster(name) and is_vmid(vmid)
        if kind == "alert":
            return is_number(subject.partition("?")[0])
        return not subject or (kind == "alerts" and subject.startswith("?"))

    def has_cluster(self, name: str) -> bool:
        """Whether the site has a Proxmox cluster of that name."""
        return any(each.name == name for each in self.site.proxmox)

    def language_of(self, request: Request) -> Language:
        """Return the language to speak to somebody."""
        accepted = request.headers.get("accept-language", "")
        wished, kept = request.query_params.get("lang"), request.cookies.get("lang")
        return language(choose(wished, kept, accepted, self.site.language))

    def has_node(self, name: str) -> bool:
        """Whether the site has a machine of that name."""
        return any(each.name == name for each in self.site.nodes)

    def scene(self, snapshot: Snapshot, code: Code, subject: str = "") -> Scene:
        """Return what a view is made of."""
        return Scene(
            self.site, snapshot, self.history, language(code), self.renderer, self.clusters, self.dossiers, subject
        )

    async def look(self, name: ViewName, snapshot: Snapshot) -> Look:
        """Return how a view looks in a snapshot."""
        kept = self._looks.get(name)
        if kept and kept[0] == snapshot.number:
            return kept[1]
        kind, subject = _parted(name.view)
        look = await _VIEWS[kind](self.scene(snapshot, name.code, subject))
        if len(self._looks) >= _KEPT_LOOKS:
            self._looks.clear()
        self._looks[name] = (snapshot.number, look)
        return look
