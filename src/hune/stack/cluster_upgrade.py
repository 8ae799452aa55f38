"""A PostgreSQL of Hune's own, brought to a newer major version by PostgreSQL's own pg_upgrade.

It copies: what is there stays as it was, and is put beside the new data once these have been read as a whole. Broken
off at any moment there is either the old or the new, never half of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.cluster import DATABASE, SUPERUSER, Cluster, finish_upgrade, staged, upgraded
from hune.stack.debian import Progress
from hune.stack.engines import postgresql
from hune.stack.fetch import every_program, fetch
from hune.stack.lock import lock
from hune.stack.setting import Binary
from hune.stack.unprivileged import owner_of

TOOL = "pg_upgrade"
_SIZES = (
    "SELECT count(*) || ' ' || md5(string_agg(oid::regclass || ' ' || pg_relation_size(oid), ',' ORDER BY oid)) "
    "FROM pg_class WHERE relkind IN ('r', 'i', 'm') "
    "AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
)
"""What tells how much there is of each table and index: they are copied as they lie, under the numbers they had."""
_READ_SECONDS = 6 * 3600.0
_SLACK_BYTES = 256 << 20

Fetch = Callable[[Layout, Sequence[str], Progress], object]


@dataclass(frozen=True)
class Upgrade:
    """What was done: major versions, and where the data of the one before are kept."""

    before: int
    now: int
    kept: Path | None = None


def upgrade(layout: Layout, site: Site, progress: Progress, *, fetch: Fetch = fetch) -> Upgrade:
    """Bring the data to the newest PostgreSQL that is here, or that Debian offers; nothing if theirs is that.

    Raises InputError or Unavailable, with the data as they were.
    """
    data = layout.data(postgresql.NAME)
    of_data = postgresql.kept_version(data)
    if of_data is None:
        raise InputError(f"{data}: no PostgreSQL of Hune's own", remedy="another one is upgraded where it runs")
    with lock(layout, remedy="stop it first: hune down"):
        if data.is_symlink() or data.is_mount():
            raise InputError(f"{data}: lies on a disk of its own", remedy="bring it over by hand, with pg_upgrade")
        before, programs = int(of_data), _by_major(site, layout)
        if max(programs, default=0) <= before:
            progress("looking for a newer one")
            fetch(layout, [postgresql.NAME], progress)
            programs = _by_major(site, layout)
        now = max(programs, default=0)
        if now <= before:
            return Upgrade(before, before)
        if before not in programs:
            raise InputError(
                f"{data}: of PostgreSQL {before}, whose programs aren't here any more",
                remedy=f"install postgresql-{before} beside {now}: both are needed to bring them over",
            )
        kept = data.with_name(f"{data.name}-{before}")
        if kept.exists():
            raise InputError(f"{kept}: kept from an upgrade before", remedy="remove it if all is well since then")
        finish_upgrade(data)
        _check_room(data)
        progress(f"PostgreSQL {before} to {now}")
        try:
            made = _copy(data, programs[before], programs[now], progress)
        except BaseException:
            # Whoever interrupts it interrupts pg_upgrade too, which then leaves its servers running.
            finish_upgrade(data)
            raise
        # From here on the new data are whole: should the power fail between these two, the next start does the second.
        data.rename(kept)
        made.rename(data)
        _remember(data.parent)
        return Upgrade(before, now, kept)


def _copy(data: Path, old: Binary, new: Binary, progress: Progress) -> Path:
    """Return the place of data that are whole, made by the new programs of those of the old."""
    made = staged(data)
    # Old programs may need libraries that lie beside them, as may new ones.
    paths = ":".join(path for one in (new, old) if (path := one.env.get("LD_LIBRARY_PATH")))
    env = {**new.env, **({"LD_LIBRARY_PATH": paths} if paths else {})}
    # Root may do it for a site that runs as another user: it stays theirs.
    options = owner_of(data).options
    before, after = (Cluster(one.path, options, env, remedy="all stays as it was") for one in (old, new))
    # Ends in order what a crash may have left; a server that still runs objects.
    before.execute(data, "SELECT 1")
    after.initialise(made, checksums=before.setting(data, "data_checksums") == "on")
    with _workplace(after) as folder:
        hba = folder / "pg_hba.conf"
        hba.write_text("local all all trust\n")
        after.own(hba)
        let_in = f"-c hba_file={hba}"
        after.run_aloud(
            # The rest is advice to who runs it by hand.
            lambda line: progress(f"{TOOL}: {line.removesuffix(' ok')}") if line.endswith(" ok") else None,
            TOOL,
            f"--old-bindir={before.folder}",
            f"--new-bindir={after.folder}",
            f"--old-datadir={data}",
            f"--new-datadir={made}",
            f"--username={SUPERUSER}",
            f"--socketdir={folder}",
            f"--old-options={let_in}",
            f"--new-options={let_in}",
            cwd=folder,
        )
    progress("comparing what there was with what there is")
    # pg_upgrade takes what has a low number for PostgreSQL's own, and leaves its rows behind without a word.
    if before.ask(data, _SIZES, database=DATABASE) != after.ask(made, _SIZES, database=DATABASE):
        raise Unavailable(f"{TOOL}: not everything came over", remedy="all stays as it was; bring it over with pg_dump")
    after.execute(made, "ANALYZE", database=DATABASE, seconds=_READ_SECONDS)
    place = made.rename(upgraded(data))
    _remember(place.parent)
    return place


@contextlib.contextmanager
def _workplace(cluster: Cluster) -> Iterator[Path]:
    """Lend a folder that only who runs the server can enter, with a name short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="hune-") as name:
        cluster.own(Path(name))
        yield Path(name)


def _by_major(site: Site, layout: Layout) -> dict[int, Binary]:
    """Return a program of each major version, with which all can be done."""
    found: dict[int, Binary] = {}
    for binary in every_program(site, layout, postgresql.NAME):
        if binary.path.resolve().with_name(TOOL).exists():
            found.setdefault(binary.version[0], binary)
    return found


def _check_room(data: Path) -> None:
    needed = _SLACK_BYTES + sum(path.lstat().st_size for path in data.rglob("*") if path.is_file())
    free = shutil.disk_usage(data.parent).free
    if free < needed:
        raise Unavailable(
            f"{data.parent}: {free >> 20:,} MiB free; a copy of the data takes {needed >> 20:,}",
            remedy="make room, then do it again",
        )


def _remember(folder: Path) -> None:
    """Have names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
