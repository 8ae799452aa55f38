"""`hune render`: the same stack for another supervisor, Docker Compose or systemd."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hune.cli import show
from hune.cli.options import Json, SiteFile

if TYPE_CHECKING:
    from hune.deploy.rendering import Rendering
    from hune.site.models import Site

app = typer.Typer(
    help="Write the stack for Docker Compose or systemd.",
    epilog="In containers: hune render compose --out DIR, then docker compose up -d in DIR.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option("--out", help="The folder to write; it is made if it doesn't exist.")]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that holds something else too.")]


@app.callback()
def root() -> None:
    """Write the stack for Docker Compose or systemd."""


@app.command()
def compose(
    out: Out,
    site: SiteFile = None,
    image: Annotated[
        str, typer.Option("--image", help="Hune's image, built or pulled elsewhere; else built from this repository.")
    ] = "",
    force: Force = False,
    json_output: Json = False,
) -> None:
    """Write compose.yaml and its files: upstream's engines, Hune's own image, Grafana.

    Render again after each change of the site file: docker compose up -d then renews what is concerned.
    """
    from hune.deploy.compose import Image, render

    chosen = Image(image) if image else Image(build_context=_build_context(out))
    then = f"cd {out} && docker compose up -d"
    _write(render(_site(site), chosen), out, force=force, json_output=json_output, then=then)


@app.command()
def systemd(
    out: Out,
    site: SiteFile = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="A unit for each process instead of one for all; no conductor then.")
    ] = False,
    program: Annotated[str, typer.Option("--program", help="The command hune there; default this one.")] = "",
    data_dir: Annotated[str, typer.Option("--data-dir", help="Where Hune keeps everything there.")] = "/var/lib/hune",
    force: Force = False,
    json_output: Json = False,
) -> None:
    """Write hardened units: one that runs hune up, or with --processes one for each engine and for Hune's services.

    On this machine hune service install does it all.
    """
    from hune.deploy.installation import program as own_program
    from hune.deploy.systemd import Place, render_conductor, render_processes
    from hune.site.load import find

    found = find(site, os.environ, Path.cwd())
    loaded = _site(site)
    place = Place(
        program=program or str(own_program()), data_dir=data_dir, site_file=str(found.absolute()) if found else ""
    )
    rendering = render_processes(loaded, place) if processes else render_conductor(place)
    _write(rendering, out, force=force, json_output=json_output, then="put them in place as docs/deploy.md tells")


def _build_context(out: Path) -> str:
    """Return the repository that Hune runs from, as seen from `out`; nothing where Hune is installed without it."""
    import hune

    repository = Path(hune.__file__).resolve().parents[2]
    if not (repository / "deploy" / "Dockerfile").is_file():
        return ""
    return os.path.relpath(repository, out.resolve())


def _site(given: Path | None) -> Site:
    from hune.site.load import find, load

    return load(find(given, os.environ, Path.cwd()), environ=os.environ)


def _write(rendering: Rendering, out: Path, *, force: bool, json_output: bool, then: str) -> None:
    from dataclasses import asdict

    from hune.deploy.rendering import write

    done = write(rendering, out, force=force)
    if json_output:
        show.as_json({"out": str(out), **asdict(done), "notes": list(rendering.notes)})
        return
    show.line(f"[green]●[/] {show.escape(str(out))}: {len(rendering.files)} files, {len(done.changed)} changed")
    for path in done.removed:
        show.line(f"  removed {show.escape(path)}")
    for path in done.generated:
        show.line(f"  {show.escape(path)}: a new secret, made here and shown nowhere")
    for note in rendering.notes:
        show.line(f"[yellow]▲[/] {show.escape(note)}")
    show.line(f"[dim]then: {show.escape(then)}[/]")
