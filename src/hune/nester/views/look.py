"""What a page looks like at one moment: regions of keyed parts, so that only what changed is sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from hune.nester.assets import Assets
from hune.nester.history import History
from hune.nester.hub.dossiers import Dossiers
from hune.nester.judge import State, tally
from hune.nester.language import LANGUAGES, Language, language
from hune.nester.proxmox.asking import Clusters
from hune.nester.runbooks import Runbooks
from hune.nester.snapshot import Node, Snapshot, Source
from hune.site.models import Site


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a region; its root element carries `data-key`."""

    key: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Look:
    """One page at one moment. `critical` are the open critical alerts, by id, to be announced when new."""

    title: str
    state: State
    regions: Mapping[str, tuple[Part, ...]]
    critical: Mapping[str, str]

    def region(self, name: str) -> Markup:
        """Return the parts of a region as HTML."""
        return Markup("").join(part.html for part in self.regions[name])


@dataclass(frozen=True)
class Scene:
    """What a page is made of."""

    site: Site
    snapshot: Snapshot
    history: History
    t: Language
    render: Renderer
    clusters: Clusters
    dossiers: Dossiers
    subject: str = ""
    """What the page is about, where a view has one: a node, a cluster with what is asked of it, an alert."""

    @property
    def now(self) -> float:
        return self.snapshot.taken_at

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everybody the pages ask, the store included."""
        return (*self.snapshot.sources, self.history.source)

    def path_of(self, host: str) -> str:
        """Return where the page of a Proxmox node is, empty if the site doesn't have it as a machine."""
        machine = self._machine(host)
        return f"/nodes/{machine.name}" if machine else ""

    def heat_of(self, hosts: Iterable[str]) -> dict[str, float]:
        """Return the degrees Celsius of those Proxmox nodes whose heat is measured now."""
        found = {}
        for host in hosts:
            machine = self._machine(host)
            if machine and machine.hottest and not machine.hottest.celsius.is_stale(self.now):
                found[host] = machine.hottest.celsius.value
        return found

    def _machine(self, host: str) -> Node | None:
        # The lab's machines may have names of their own beside those of the site.
        named = {node.name: node for node in self.snapshot.nodes if node.kind == "proxmox"}
        return named.get(host) or named.get(f"lab-{host}")

    def part(self, key: str, template: str, **values: Any) -> Part:
        """Return a part made of a template."""
        return Part(key, self.render.fragment(template, self.t, key=key, **values))

    def ago(self, at: float) -> str:
        """Return how long ago something was."""
        return self.t.duration(self.now - at)


class Renderer:
    """The templates."""

    def __init__(self, assets: Assets, runbooks: Runbooks) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("hune.nester"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.url
        self._environment.globals["has_runbook"] = runbooks.__contains__
        self._environment.filters["code"] = with_code
        # Read now: nothing is read from the disk while pages are served.
        for name in self._environment.list_templates():
            self._environment.get_template(name)
        for code in LANGUAGES:
            language(code)

    def fragment(self, template: str, t: Language, **values: Any) -> Markup:
        """Return a template's HTML, without white space around it."""
        return Markup(self._environment.get_template(template).render(t=t, **values).strip())  # noqa: S704 - escaped

    def page(self, template: str, t: Language, **values: Any) -> str:
        """Return a whole page."""
        return self._environment.get_template(template).render(t=t, **values)


def with_code(text: str) -> Markup:
    """Return a text in which what stands between backquotes is to be typed."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 and place + 1 < len(parts) else Markup("{}").format(part)
        for place, part in enumerate(parts)
    )


def title(scene: Scene, name: str) -> str:
    """Return the title of a page: what is wrong first, so that a tab tells it."""
    counts = tally(scene.snapshot)
    if counts.critical:
        return f"■ {scene.t('count.critical', count=counts.critical)} · {name}"
    if scene.snapshot.is_stale:
        return f"▨ {name}"
    if counts.unknown:
        return f"? {name}"
    return f"▲ {name}" if counts.warning else name
