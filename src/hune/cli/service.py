"""`hune service`: have systemd run Hune, so that it survives a reboot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hune.cli import show
from hune.cli.options import Json, SiteFile

if TYPE_CHECKING:
    from hune.deploy.installation import Step
    from hune.site.models import Site

app = typer.Typer(
    help="Have systemd run Hune, so that it survives a reboot.",
    epilog="As root for the whole machine: hune service install. For yourself: hune service install --user.",
    no_args_is_help=True,
)

User = Annotated[bool, typer.Option("--user", help="For this user's own systemd, without root.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where Hune keeps everything; else /var/lib/hune, of a user ~/.local/share/hune."),
]


@app.callback()
def root() -> None:
    """Have systemd run Hune, so that it survives a reboot."""


@app.command()
def install(
    site: SiteFile = None,
    data_dir: DataDir = None,
    user: User = False,
    dry_run: DryRun = False,
    json_output: Json = False,
) -> None:
    """Write the unit, enable and start it: as root for the whole machine, with --user for yourself.

    The machine's unit runs as the system user `hune`, which may read the site file and write the data directory only.
    """
    from hune.deploy import installation

    scope = installation.scope(user=user, only_look=dry_run)
    path, loaded = _site(site)
    steps = installation.install(scope, site_file=path, data_dir=data_dir)
    _carry_out(steps, dry_run=dry_run, json_output=json_output)
    if not json_output:
        for hint in installation.hints(scope, loaded):
            show.line(f"[dim]{show.escape(hint)}[/]")


@app.command()
def uninstall(user: User = False, dry_run: DryRun = False, json_output: Json = False) -> None:
    """Stop the unit and remove it; the data directory stays (hune clean removes it)."""
    from hune.deploy import installation

    scope = installation.scope(user=user, only_look=dry_run)
    _carry_out(installation.uninstall(scope), dry_run=dry_run, json_output=json_output)


@app.command()
def status(user: User = False, json_output: Json = False) -> None:
    """Say whether the unit is installed, enabled at boot, and running. Exit code 1 if it doesn't run."""
    from hune.deploy import installation

    found = installation.status(installation.scope(user=user))
    if json_output:
        show.as_json(found)
    else:
        word = "up" if found["active"] == "active" else "down"
        line = f"{found['unit']}: {found['active']}, at boot: {found['enabled']}"
        show.line(f"{show.state(word)}  {show.escape(line)}")
        if not found["installed"]:
            show.line(f"[dim]install it with: hune service install{' --user' if user else ''}[/]")
    if found["active"] != "active":
        raise typer.Exit(1)


def _site(given: Path | None) -> tuple[Path | None, Site]:
    """Return the site file, if there is one, and what it says: a unit that can't start is refused where it's read."""
    import os

    from hune.site.load import find, load

    found = find(given, os.environ, Path.cwd())
    return (found.absolute() if found else None), load(found, environ=os.environ)


def _carry_out(steps: list[Step], *, dry_run: bool, json_output: bool) -> None:
    from hune.deploy.installation import carry_out

    if json_output:
        for step in [] if dry_run else steps:
            carry_out(step)
        show.as_json({"done": not dry_run, "steps": [step.told for step in steps]})
        return
    for step in steps:
        show.line(f"{'would ' if dry_run else ''}{show.escape(step.told)}")
        if not dry_run:
            carry_out(step)
    if not steps:
        show.line("there is nothing to do")
