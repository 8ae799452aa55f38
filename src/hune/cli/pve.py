"""`hune pve`: look at the Proxmox clusters that are watched."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, SiteFile, layout_of

if TYPE_CHECKING:
    from hune.collect.pve.readiness import Finding, Readiness
    from hune.collect.pve.settings import Settings
    from hune.pve.access import Access
    from hune.site.models import ProxmoxCluster

app = typer.Typer(
    help="Look at the Proxmox clusters that are watched.",
    epilog="May Hune read all it needs? hune pve check",
    no_args_is_help=True,
)

_SHAPES = {"ok": ("●", "green"), "note": ("▲", "yellow"), "lacking": ("■", "magenta"), "unknown": ("?", "cyan")}


@app.callback()
def root() -> None:
    """Look at the Proxmox clusters that are watched."""


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="CLUSTER", help="Names of clusters of the site; none means all.")
    ] = None,
    site: SiteFile = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Tell whether each cluster's API is reached and may be read, and the commands that grant what lacks.

    Asks every node for itself: is it reached, is its certificate the expected one and for how long, is the account let
    in. Then which collectors may read what they need. Nothing is changed. Exit code 1 if something lacks,
    or can't be found out.
    """
    from hune.collect.pve.assignment import AskedCluster
    from hune.site.load import find, load

    # What it would warn of is what is told here.
    logging.getLogger("hune.pve").setLevel(logging.ERROR)
    overlays = sorted(layout_of(data_dir).overlays.glob("*.yaml"))
    loaded = load(find(site, os.environ, Path.cwd()), overlays=overlays, environ=os.environ)
    clusters = _chosen(loaded.proxmox, names or [])
    asked = [AskedCluster.of(loaded, cluster) for cluster in clusters]
    found = asyncio.run(_examine_all([(cluster.access(os.environ), cluster.settings) for cluster in asked]))
    ready = all(readiness.is_ready for readiness in found)
    if json_output:
        show.as_json({"ready": ready, "clusters": [readiness.as_dict() for readiness in found]})
    else:
        for readiness in found:
            _print(readiness)
    if not ready:
        raise typer.Exit(1)


def _chosen(clusters: list[ProxmoxCluster], names: list[str]) -> list[ProxmoxCluster]:
    """Return the clusters of these names, all if none is given; raises InputError for one that the site hasn't."""
    from hune.core.errors import InputError
    from hune.site.guess import nearest

    if not clusters:
        raise InputError("the site has no Proxmox clusters", remedy="add one under proxmox, as docs/site-file.md tells")
    by_name = {cluster.name.lower(): cluster for cluster in clusters}
    for name in names:
        if name.lower() not in by_name:
            near = nearest(name, [cluster.name for cluster in clusters])
            known = ", ".join(cluster.name for cluster in clusters[:10])
            raise InputError(f"{name}: no such cluster", remedy=f"did you mean {near}?" if near else f"known: {known}")
    return [by_name[name.lower()] for name in names] if names else clusters


async def _examine_all(asked: list[tuple[Access, Settings]]) -> list[Readiness]:
    from hune.collect.pve.collectors import collectors as own
    from hune.collect.pve.compat import collectors
    from hune.collect.pve.readiness import examine
    from hune.core.clock import SystemClock

    clock = SystemClock()
    return list(
        await asyncio.gather(
            *(examine(access, {"/pve": collectors(), "/hune": own(settings)}, clock) for access, settings in asked)
        )
    )


def _print(readiness: Readiness) -> None:
    lacking = sum(finding.state == "lacking" for finding in (*readiness.endpoints, *readiness.collectors))
    verdict = f"lacks {lacking}" if lacking else "ready" if readiness.is_ready else "not all is known"
    show.line(f"[bold]{show.escape(readiness.cluster)}[/] (as {show.escape(readiness.account)}): {verdict}")
    for finding in readiness.endpoints:
        _print_finding(finding)
    reasons = {finding.detail for finding in readiness.collectors if finding.state == "unknown"}
    if reasons:
        show.line(f"  [cyan]?[/] collectors: {show.escape(', '.join(reasons))}")
    for finding in readiness.collectors:
        if finding.state != "unknown":
            _print_finding(finding)
    _print_commands("what lacks is granted on any of its nodes by", readiness.commands)
    _print_commands("it sees more with these, which are more than the role PVEAuditor", readiness.optional)


def _print_commands(title: str, commands: list[str]) -> None:
    if commands:
        show.line(f"  {title}:")
    for command in commands:
        show.line(f"      [bold]{show.escape(command)}[/]")


def _print_finding(finding: Finding) -> None:
    shape, colour = _SHAPES[finding.state]
    show.line(f"  [{colour}]{shape}[/] {show.escape(finding.what)}: {show.escape(finding.detail)}")
    if finding.remedy:
        show.line(f"      [bold]{show.escape(finding.remedy)}[/]")
