"""`hune site`: check the site file, start one, or print its schema."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, SiteFile, layout_of

app = typer.Typer(
    help="Check the site file, start one, or print its schema.",
    epilog="A new file: hune site init. After each change: hune site check, then hune reload.",
    no_args_is_help=True,
)


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The same as --site.")] = None,
    site: SiteFile = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Say everything that is wrong with the site file, by line and column.

    The secrets it refers to are read as well, and never printed. Exit code 2 when something is wrong.
    """
    from hune.core.errors import InputError
    from hune.site.checks import notes
    from hune.site.load import find, load_with_positions, told
    from hune.site.problems import SiteErrors
    from hune.site.secrets import check_all

    if file and site:
        raise InputError("two site files are given", remedy="give one, as FILE or as --site")
    found = find(file or site, os.environ, Path.cwd())
    overlays = sorted(layout_of(data_dir).overlays.glob("*.yaml"))
    name = told(found) if found else "this machine"
    try:
        loaded = load_with_positions(found, overlays=overlays, environ=os.environ)
        if problems := check_all(loaded.site, os.environ, loaded.locate):
            raise SiteErrors(problems)
    except SiteErrors as errors:
        if not json_output:
            raise
        show.as_json({"site": name, "valid": False, "problems": [problem.as_dict() for problem in errors.problems]})
        raise typer.Exit(errors.exit_code) from None
    hints = notes(loaded.site)
    if json_output:
        counts = {"nodes": len(loaded.site.nodes), "overlays": len(overlays)}
        show.as_json({"site": name, "valid": True, "problems": [], "notes": hints, **counts})
        return
    names = [node.name for node in loaded.site.nodes]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    show.line(f"[green]●[/] {show.escape(name)} is right: {show.escape(listed)}")
    for overlay in overlays:
        show.line(f"[dim]with {show.escape(told(overlay))} laid over it[/]")
    for hint in hints:
        show.line(f"[yellow]▲[/] {show.escape(hint)}")


@app.command()
def schema() -> None:
    """Print the JSON schema of the site file.

    Editors complete and check with it: hune site schema > site.schema.json, and as the first line of site.yaml
    "# yaml-language-server: $schema=site.schema.json".
    """
    from hune.site.schema import schema as site_schema

    show.as_json(site_schema())


@app.command()
def init(
    site: SiteFile = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: describe this machine.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    json_output: Json = False,
) -> None:
    """Write a site file: asks what to watch, or describes this machine with --yes.

    Goes to --site, else HUNE_SITE, else ./site.yaml; a file that exists stays as it is without --force.
    """
    import sys

    from hune.cli.site_init import ask
    from hune.core.errors import InputError
    from hune.core.files import write_atomically
    from hune.site.detect import inspect
    from hune.site.draft import DISCORD_VARIABLE, Draft, channel_by_url, node_of, render
    from hune.site.load import FILE_NAME, find, load_text, told

    path = find(site, os.environ, Path.cwd()) or Path.cwd() / FILE_NAME
    if not force and (path.exists() or path.is_symlink()):
        raise InputError(f"{told(path)}: exists", remedy="overwrite it with --force, or name another with --site")
    host = inspect()
    if yes:
        has_webhook = bool(os.environ.get(DISCORD_VARIABLE, "").strip())
        channel = channel_by_url("discord") if has_webhook else None
        draft = Draft(host.name, nodes=[node_of(host)], channel=channel)
    elif sys.stdin.isatty():
        draft = ask(host)
    else:
        raise InputError("there is no terminal to ask in", remedy="describe this machine with: hune site init --yes")
    text = render(draft)
    written = load_text(text, told(path), host)
    write_atomically(path, text)
    if json_output:
        show.as_json({"site": told(path), "nodes": [node.name for node in written.nodes]})
        return
    show.line(f"[green]●[/] wrote {show.escape(told(path))}")
    variable = draft.channel.variable if draft.channel else ""
    if variable and not os.environ.get(variable):
        show.line(f"[dim]put its secret into the environment first: export {variable}=…, or give a file: file:/…[/]")
    if draft.channel:
        show.line("[dim]once Hune runs, see that it reaches you: hune alert test[/]")
    chosen = f" --site {show.escape(str(site))}" if site else ""
    show.line(
        f"[dim]look at it, then: hune up{chosen}, or if Hune runs already: hune plan{chosen}, hune reload{chosen}[/]"
    )
