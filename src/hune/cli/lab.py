"""`hune lab`: a site of three simulated Proxmox nodes, with heat, cut links and dead machines on demand."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from hune.cli import lab_proxmox, show
from hune.cli.lab_call import ask_conductor, ask_lab, do
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import HuneError, Unavailable
from hune.core.layout import Layout

app = typer.Typer(
    help="Try Hune on three simulated nodes: heat them, unplug them, kill them, break their Proxmox.",
    no_args_is_help=True,
)

app.add_typer(lab_proxmox.app)

NodeName = Annotated[str, typer.Argument(metavar="NODE", help="pve-01, pve-02 or pve-03")]
NodeNames = Annotated[list[str], typer.Argument(metavar="NODE…", help="Any of pve-01, pve-02, pve-03; all at once.")]
AnyNode = Annotated[str | None, typer.Argument(metavar="NODE", help="One node; else all.")]
DeviceName = Annotated[str, typer.Argument(metavar="DEVICE", help="eno1, enp1s0f0 or enp1s0f1")]

_STARTING_SECONDS = 10.0
_SEEN_SECONDS = 120.0
_GONE_SECONDS = 60.0
_RELOAD_SECONDS = 120.0
_SCRAPED = 'up{job="node-fast",lab="true"}'
# How a node answers: the word for it, and what else is to be said.
_POWERS = {
    "up": ("up", ""),
    "refuse": ("down", "refuses"),
    "hang": ("down", "hangs"),
    "exporter": ("warning", "exporter dead"),
}


@app.command()
def up(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Add the three nodes to the running stack; return once they are measured."""
    from hune.lab import overlay
    from hune.lab.turns import turn

    layout = layout_of(data_dir)
    ask_conductor(layout, "GET", "/status")
    # One that is wanted already may just be starting.
    if overlay.path(layout).exists() and _becomes(lambda: _answers(layout), _STARTING_SECONDS):
        found = _measured(layout)
    else:
        # Until it listens on them, another lab would take its ports for free.
        with turn(patience_seconds=_RELOAD_SECONDS + 2 * _SEEN_SECONDS):
            _prepare(layout)
            try:
                ask_conductor(layout, "POST", "/reload", timeout_seconds=_RELOAD_SECONDS)
            except HuneError:
                _forget(layout)
                raise
            _await(lambda: _answers(layout), "the lab does not start", _SEEN_SECONDS)
            found = _measured(layout)
    _show(found["nodes"], found["faults"], json_output=json_output)
    if not json_output:
        show.line("[dim]try: hune lab heat pve-02 78 · hune lab kill pve-03 · hune lab fill local-zfs 96[/]")


@app.command()
def down(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Take the lab away again, with all its faults."""
    from hune.lab import overlay

    layout = layout_of(data_dir)
    there = overlay.path(layout).exists()
    overlay.path(layout).unlink(missing_ok=True)
    try:
        ask_conductor(layout, "POST", "/reload", timeout_seconds=_RELOAD_SECONDS)
    except Unavailable:
        if _answers(layout):
            raise
        # The stack is down, so the lab is too.
    else:
        _await(lambda: not _answers(layout), "the lab does not stop", _GONE_SECONDS)
        _await(lambda: not _found(layout, _SCRAPED), "Prometheus still sees the lab's nodes", _GONE_SECONDS)
    _forget(layout)
    if json_output:
        show.as_json({"was_up": there})
    else:
        show.line("the lab is gone" if there else "there was no lab")


@app.command()
def status(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Show each node: whether it answers, its temperature, its links, its faults; and what is broken in Proxmox."""
    found = ask_lab(layout_of(data_dir), "GET", "/status")
    _show(found["nodes"], found["faults"], json_output=json_output)


@app.command()
def heat(
    node: NodeName,
    celsius: Annotated[float, typer.Argument(metavar="CELSIUS", help="What the CPU package shows from now on.")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Heat a node's CPU at once, and keep it hot until `cool`."""
    do("heat", {"node": node, "celsius": celsius}, data_dir, json_output, lambda e: f"{e['celsius']:g} °C")


@app.command()
def cool(node: AnyNode = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Return a heated node, or all of them, to its usual temperature."""
    do("cool", {"node": node}, data_dir, json_output, lambda e: f"cools down, {e['celsius']:g} °C now")


@app.command()
def unplug(
    node: NodeName,
    device: DeviceName,
    admin: Annotated[
        bool, typer.Option("--admin", help="Disable the port instead, as `ip link set down` does.")
    ] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Pull the cable out of a port."""
    do("unplug", {"node": node, "device": device, "admin": admin}, data_dir, json_output, _tell_port)


@app.command()
def plug(
    node: AnyNode = None,
    device: Annotated[str | None, typer.Argument(metavar="DEVICE", help="One port; else all.")] = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Put cables back in: full speed again."""
    do("plug", {"node": node, "device": device}, data_dir, json_output, _tell_port)


@app.command()
def slow(node: NodeName, device: DeviceName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let a port negotiate 1 Gbit/s only."""
    do("slow", {"node": node, "device": device}, data_dir, json_output, _tell_port)


@app.command()
def kill(
    nodes: NodeNames,
    how: Annotated[
        str, typer.Option("--how", help="refuse: nothing listens. hang: packets vanish. exporter: only it dies.")
    ] = "refuse",
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Kill a node, or several in one blow."""
    do("kill", {"nodes": nodes, "how": how}, data_dir, json_output, _tell_power)


@app.command()
def revive(node: AnyNode = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Start a dead node, or all of them, again."""
    do("revive", {"node": node}, data_dir, json_output, _tell_power)


def _tell_port(event: dict[str, Any]) -> str:
    return f"{event['device']} {event['fault'] or 'plugged in'}"


def _tell_power(event: dict[str, Any]) -> str:
    word, remark = _POWERS[event["power"]]
    return remark if word == "warning" else f"{word}, {remark}" if remark else word


def _prepare(layout: Layout) -> None:
    """Choose exporter and ports, and write the lab's state, its secrets and its overlay."""
    from hune.core.files import write_atomically
    from hune.lab import overlay, state
    from hune.lab.pve import identity
    from hune.stack import ports
    from hune.stack.fetch import find_engines

    site = _site(layout)
    found = find_engines(site, layout, ["node-exporter"], lambda text: print(text, file=sys.stderr))
    ours = {node.name for node in site.nodes if node.lab}
    lab = state.fresh(
        now=time.time(),
        exporter=str(found["node-exporter"].path),
        is_free=ports.is_free,
        taken=[node.name for node in site.nodes if not node.lab],
        taken_clusters=[cluster.name for cluster in site.proxmox if not ours.issuperset(cluster.nodes)],
    )
    proof = identity.ensure(layout)
    lab.save(layout)
    write_atomically(overlay.path(layout), overlay.render(lab, layout, proof))


def _forget(layout: Layout) -> None:
    from hune.lab import overlay

    overlay.path(layout).unlink(missing_ok=True)
    if layout.lab.exists():
        shutil.rmtree(layout.lab)


def _site(layout: Layout) -> Any:
    from hune.site.models import Site

    return Site.model_validate_json(layout.site_json.read_text())


def _measured(layout: Layout) -> dict[str, Any]:
    """Return what the lab says of itself, once Prometheus has measured every node that lives."""
    found = ask_lab(layout, "GET", "/status")
    living = {node["node"] for node in found["nodes"] if node["power"] == "up"}
    _await(
        lambda: living <= _found(layout, f"{_SCRAPED} == 1"), "Prometheus does not see the lab's nodes", _SEEN_SECONDS
    )
    return found


def _answers(layout: Layout) -> bool:
    from hune.http.control import call
    from hune.lab.places import socket_path

    try:
        return call(socket_path(layout), "GET", "/status")[0] == 200
    except Unavailable:
        return False


def _found(layout: Layout, expression: str) -> set[str]:
    """Return the nodes that an expression finds in Prometheus now; none while it doesn't answer."""
    from hune.http.call import open_session
    from hune.promapi.prometheus import PrometheusClient

    async def ask() -> set[str]:
        async with open_session() as session:
            client = PrometheusClient(session, _site(layout).url("prometheus"))
            return {sample["node"] for sample in await client.query(expression)}

    try:
        return asyncio.run(ask())
    except HuneError:
        return set()


def _becomes(done: Callable[[], bool], seconds: float) -> bool:
    """Return whether something came true within that time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _await(done: Callable[[], bool], otherwise: str, seconds: float) -> None:
    if not _becomes(done, seconds):
        raise Unavailable(otherwise, remedy="see: hune status, hune logs lab")


def _show(nodes: list[dict[str, Any]], faults: list[dict[str, Any]], *, json_output: bool) -> None:
    if json_output:
        show.as_json({"nodes": nodes, "faults": faults})
        return
    show.table(("node", "state", "CPU", "links", "up for"), [_row(node) for node in nodes])
    for fault in faults:
        show.line(f"[magenta]■[/] {show.escape(fault['subject'])}: {show.escape(fault['text'])}")


def _row(node: dict[str, Any]) -> tuple[str, ...]:
    word, remark = ("warning", node["problem"]) if node["problem"] else _POWERS[node["power"]]
    heated = " [yellow]heated[/]" if node["heat_celsius"] is not None else ""
    return (
        node["node"],
        show.state(word) + (f", {show.escape(remark)}" if remark else ""),
        f"{node['celsius']:g} °C{heated}",
        "  ".join(_link(link) for link in node["links"]),
        "–" if word == "down" else show.age(node["boot_time"]),
    )


def _link(link: dict[str, Any]) -> str:
    colour, shape = ("magenta", "■ ") if link["fault"] else ("default", "")
    return f"[{colour}]{shape}{link['device']}{' ' + link['fault'] if link['fault'] else ''}[/]"
