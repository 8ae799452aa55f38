"""All commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from hune import __version__

EPILOG = "Start with: hune up. Then open the page it names, or try the lab: hune lab up."


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"hune {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """Return the command with all its subcommands."""
    from hune.cli import (
        alert,
        clean,
        down,
        engines,
        health,
        lab,
        logs,
        node,
        plan,
        pve,
        reload,
        render,
        run,
        service,
        site,
        status,
        store,
        tell,
        up,
    )

    app = typer.Typer(
        name="hune",
        help="Supervise Proxmox VE and Linux machines, alert people within seconds.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        """Supervise Proxmox VE and Linux machines, alert people within seconds."""

    for command in (up, down, status, health, logs, plan, reload, clean):
        app.command(name=command.__name__.rpartition(".")[2])(command.command)
    app.command(name="run", help=run.command.__doc__)(run.command)
    app.command(name="tell", hidden=True)(tell.command)
    for group in (alert, engines, lab, site, node, pve, render, service, store):
        app.add_typer(group.app, name=group.__name__.rpartition(".")[2])
    return app
