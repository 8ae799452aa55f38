"""`hune run`: one or several of Hune's own services, alone in a process."""

from __future__ import annotations

from typing import Annotated

import typer

from hune.cli import running
from hune.cli.options import DataDir


def command(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE…", help="hub, nester, lab, pve-exporter, timescale")],
    data_dir: DataDir = None,
) -> None:
    """Run services of Hune alone (a container, a unit, a pod); `hune up` does this by itself.

    `hune run pve-exporter` runs by itself, has flags of its own (`--help` after its name), and without --data-dir is
    prometheus-pve-exporter's replacement. So does `hune run timescale`, which keeps samples in PostgreSQL.
    """
    running.services(names, str(data_dir) if data_dir else None)
