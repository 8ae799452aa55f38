"""`hune up`: start everything."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, SiteFile, layout_of
from hune.core.errors import HuneError, InputError, Unavailable
from hune.core.files import keep_to_owner
from hune.core.layout import Layout, data_root

# Fetching engines over a slow line is the longest part; it shows its progress.
_PATIENCE_SECONDS = 1200.0
_HEALTHY_SECONDS = 120.0


def command(
    site: SiteFile = None,
    data_dir: DataDir = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything works.")] = False,
    port: Annotated[list[str], typer.Option("--port", metavar="NAME=N", help="Another port: prometheus=19090.")] = [],  # noqa: B006
    auto_ports: Annotated[bool, typer.Option("--auto-ports", help="Choose free ports.")] = False,
    json_output: Json = False,
) -> None:
    """Start the engines, the hub and the pages, and keep them alive.

    Without a site file the site is this machine. In the foreground Ctrl-C stops everything; with
    --detach the command returns when everything works (hune status, hune down).
    """
    from hune.site.load import find
    from hune.stack.ports import parse_overrides
    from hune.stack.prepare import REQUEST_VARIABLE, Request

    # What is stored and logged is for this user alone; all processes inherit it.
    os.umask(0o077)
    layout = layout_of(data_dir)
    keep_to_owner(layout.root)
    found = find(site, os.environ, Path.cwd())
    request = Request(
        data_dir=str(layout.root),
        site_file=str(found.absolute()) if found else "",
        ports=parse_overrides(port),
        auto_ports=auto_ports,
    )
    # -P: a module that lies in the working directory is never taken for one of ours.
    argv = [sys.executable, "-P", "-m", "hune.stack"]
    environ = {**os.environ, REQUEST_VARIABLE: request.to_json()}
    if not detach:
        # The conductor takes this process's place: nothing is kept twice in memory.
        sys.stdout.flush()
        os.execve(sys.executable, argv, {**environ, "HUNE_ANNOUNCE": "1"})  # noqa: S606
    _detached(argv, environ, layout, json_output=json_output)


def _detached(argv: list[str], environ: dict[str, str], layout: Layout, *, json_output: bool) -> None:
    try:
        layout.logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{layout.root}: {error.strerror}", remedy="make it writable, or choose another with --data-dir"
        ) from error
    path = layout.log("conductor")
    with path.open("a") as log:
        mark = log.tell()
        process = subprocess.Popen(
            argv, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    status = _await_health(process, layout, path, mark, quiet=json_output)
    if json_output:
        show.as_json(status)
    else:
        nester = next(row["address"] for row in status["services"] if row["name"] == "nester")
        for note in status["notes"]:
            show.line(f"[dim]{show.escape(note)}[/]")
        elsewhere = "" if layout.root == data_root(None) else f" --data-dir {show.escape(str(layout.root))}"
        next_ones = " · ".join(f"hune {name}{elsewhere}" for name in ("status", "lab up", "down"))
        show.line(f"{show.state('up')}  [bold]http://{nester}/[/]   [dim]{next_ones}[/]")


def _await_health(
    process: subprocess.Popen[bytes], layout: Layout, path: Path, mark: int, *, quiet: bool
) -> dict[str, Any]:
    """Return the status once everything works, showing what happens meanwhile.

    Raises HuneError with what went wrong.
    """
    from rich.console import Console

    began = time.monotonic()
    console = Console(stderr=True, quiet=quiet)
    started_at = 0.0
    with console.status("starting") as spinner:
        while time.monotonic() - began < _PATIENCE_SECONDS:
            status = _ask(layout)
            if status and status["pid"] == process.pid:
                if status["phase"] == "failed":
                    process.terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(60)
                    raise HuneError("\n".join(status["errors"]))
                if status["phase"] == "up":
                    return status
                if status["phase"] == "starting":
                    if given_up := [row for row in status["processes"] if row["state"] == "given up"]:
                        raise HuneError(
                            "\n".join(f"{row['name']}: {row['detail']}" for row in given_up),
                            remedy="the rest runs; see: hune health, hune logs, hune down",
                        )
                    started_at = started_at or time.monotonic()
                    if time.monotonic() - started_at > _HEALTHY_SECONDS:
                        bad = [f"{row['name']}: {row['detail']}" for row in status["services"] if not row["healthy"]]
                        raise Unavailable(
                            "it runs, but not everything works:\n" + "\n".join(bad),
                            remedy="see: hune health, hune logs",
                        )
                waiting = [row["name"] for row in status["services"] if not row["healthy"]]
                spinner.update(status["progress"] or (f"waiting for {', '.join(waiting)}" if waiting else "starting"))
            if process.poll() is not None:
                with path.open() as log:
                    log.seek(mark)
                    said = [line for line in log.read().splitlines() if line.strip()]
                raise HuneError(said[-1] if said else f"the conductor ended with code {process.returncode}")
            time.sleep(0.15)
    raise Unavailable("not up in time", remedy="see: hune status, hune logs conductor")


def _ask(layout: Layout) -> dict[str, Any] | None:
    from hune.http.control import call

    try:
        _, status = call(layout.socket, "GET", "/status", timeout_seconds=5.0)
    except Unavailable:
        return None
    assert isinstance(status, dict)
    return status
