"""`hune node`: look at a machine that is watched."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, SiteFile, layout_of

if TYPE_CHECKING:
    from hune.core.layout import Layout
    from hune.site.models import Node
    from hune.stack.node_check import Finding

app = typer.Typer(
    help="Look at the machines that are watched.",
    epilog="What does a hypervisor still lack? hune node check pve-01",
    no_args_is_help=True,
)

_SHAPES = {"ok": ("●", "green"), "note": ("▲", "yellow"), "lacking": ("■", "magenta")}


@app.callback()
def root() -> None:
    """Look at the machines that are watched."""


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names of nodes of the site; none means all.")
    ] = None,
    site: SiteFile = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Tell what a machine still lacks to be watched, and the one command that gives it.

    Asks it from here, as Hune will: is it alive, does its node exporter answer, does that measure the CPU's temperature
    and the watched ports, does its clock agree. Nothing is changed. Exit code 1 if something lacks.
    """
    from hune.site.load import find, load

    layout = layout_of(data_dir)
    overlays = sorted(layout.overlays.glob("*.yaml"))
    loaded = load(find(site, os.environ, Path.cwd()), overlays=overlays, environ=os.environ)
    nodes = [_as_applied(node, layout) for node in _chosen(loaded.nodes, names or [])]
    answers = asyncio.run(_judge_all(nodes))
    lacks = any(finding.state == "lacking" for findings in answers for finding in findings)
    if json_output:
        show.as_json({"ready": not lacks, "nodes": [_as_json(*row) for row in zip(nodes, answers, strict=True)]})
    else:
        for node, findings in zip(nodes, answers, strict=True):
            _print(node, findings)
    if lacks:
        raise typer.Exit(1)


def _as_applied(node: Node, layout: Layout) -> Node:
    """Return this host's node with the port that its exporter got when the stack was started (`--auto-ports`)."""
    from pydantic import ValidationError

    from hune.site.models import Site

    if node.is_remote:
        return node
    try:
        applied = Site.model_validate_json(layout.site_json.read_text())
    except (OSError, ValidationError):
        return node
    same = [other for other in applied.nodes if other.name == node.name and not other.is_remote]
    return node.model_copy(update={"exporter": same[0].exporter}) if same else node


def _chosen(nodes: list[Node], names: list[str]) -> list[Node]:
    """Return the nodes of these names, all if none is given; raises InputError for one that the site hasn't."""
    from hune.core.errors import InputError
    from hune.site.guess import nearest

    by_name = {node.name.lower(): node for node in nodes}
    for name in names:
        if name.lower() not in by_name:
            near = nearest(name, [node.name for node in nodes])
            known = ", ".join(node.name for node in nodes[:10])
            raise InputError(f"{name}: no such node", remedy=f"did you mean {near}?" if near else f"known: {known}")
    return [by_name[name.lower()] for name in names] if names else nodes


async def _judge_all(nodes: list[Node]) -> list[list[Finding]]:
    from hune.http.call import open_session
    from hune.stack.node_check import judge
    from hune.stack.node_facts import ask

    async with open_session() as session:
        facts = await asyncio.gather(*(ask(node, session) for node in nodes))
    return [judge(node, fact) for node, fact in zip(nodes, facts, strict=True)]


def _as_json(node: Node, findings: list[Finding]) -> dict[str, object]:
    ready = all(finding.state != "lacking" for finding in findings)
    return {
        "node": node.name,
        "address": node.address,
        "ready": ready,
        "findings": [finding.as_dict() for finding in findings],
    }


def _print(node: Node, findings: list[Finding]) -> None:
    lacking = sum(finding.state == "lacking" for finding in findings)
    verdict = f"lacks {lacking}" if lacking else "ready"
    show.line(f"[bold]{show.escape(node.name)}[/] ({show.escape(node.address)}): {verdict}")
    for finding in findings:
        shape, colour = _SHAPES[finding.state]
        show.line(f"  [{colour}]{shape}[/] {finding.what}: {show.escape(finding.detail)}")
        if finding.remedy:
            where = {"machine": f"on {node.name}", "here": "here", "site file": "in the site file"}[finding.where]
            show.line(f"      {show.escape(where)}: [bold]{show.escape(finding.remedy)}[/]")
