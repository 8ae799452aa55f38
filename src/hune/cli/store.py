"""`hune store`: what the store in PostgreSQL holds, whether it is right, what is asked of it in SQL, what it lacks."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hune.cli import show
from hune.cli.options import DataDir, Json, layout_of
from hune.core.errors import InputError

if TYPE_CHECKING:
    from hune.core.layout import Layout
    from hune.http.call import Keyring
    from hune.store.backfill import Progress, Task
    from hune.store.database import Connection

app = typer.Typer(
    help="The store in PostgreSQL: what it holds, whether it is right, what it says in SQL.",
    epilog="Without --database it is the store of the site in the data directory.",
    no_args_is_help=True,
)

Database = Annotated[
    str | None,
    typer.Option(
        metavar="REFERENCE",
        help="Where the URL of the database is: env:NAME or file:/absolute/path; else the site's.",
    ),
]
_MEBI = 1 << 20
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TELL_SECONDS = 2.0
_T = TypeVar("_T")


@app.callback()
def root() -> None:
    """Look after the store in PostgreSQL, and ask it."""


@app.command()
def stats(
    database: Database = None,
    data_dir: DataDir = None,
    exact: Annotated[bool, typer.Option("--exact", help="Count every sample; otherwise they are estimated.")] = False,
    json_output: Json = False,
) -> None:
    """Say what the store holds: series, samples, days and what they take, how far it lags behind."""
    from hune.store.inspection import statistics

    found = _run(database, data_dir, lambda connection: statistics(connection, exact=exact))
    if json_output:
        show.as_json(found)
        return
    about = "" if exact else "about "
    lag = found["lag_seconds"]
    show.line(f"{found['series']:,} series of {found['metrics']:,} metrics, {about}{found['samples']:,} samples")
    show.line(f"{_size(found['bytes'])} of samples, {_size(found['database_bytes'])} with all else")
    show.line("no samples" if lag is None else f"newest sample {max(0.0, lag):.0f} s old")
    for one in found["clusters"]:
        named = f"{one['cluster']}: stored is what {one['replica']} says, seen {one['silent_seconds']:.0f} s ago"
        show.line(show.escape(named))
    show.table(
        ("day", "series", "samples", "packed", "size", "bytes a sample"),
        [_day(row) for row in found["days"]],
    )


def _day(row: dict[str, Any]) -> tuple[str, ...]:
    samples, size = row["samples"] + row["packed_samples"], row["bytes"] + row["packed_bytes"]
    return (
        row["day"],
        f"{row['series']:,}" if row["series"] else "–",
        f"{samples:,}",
        f"{row['packed_samples'] / samples:.0%}" if samples else "–",
        _size(size),
        f"{size / samples:.1f}" if samples else "–",
    )


def _size(count: int) -> str:
    return f"{count / _MEBI:,.1f} MiB"


@app.command()
def check(database: Database = None, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Check that all is as it must be; reads everything, changes nothing. Exit code 1 if something isn't."""
    from hune.store import inspection

    async def work(connection: Connection) -> list[inspection.Check]:
        found = []
        async for one in inspection.checks(connection):
            found.append(one)
            if not json_output:
                word = "unhealthy" if one.violations else "healthy"
                told = f": {one.violations}, such as {', '.join(one.examples)}" if one.violations else ""
                show.line(f"{show.state(word)}  {show.escape(one.what + told)}")
        return found

    found = _run(database, data_dir, work)
    if json_output:
        show.as_json([{"what": one.what, "violations": one.violations, "examples": one.examples} for one in found])
    if any(one.violations for one in found):
        raise typer.Exit(1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A statement that only reads, or the name of an example.")] = "",
    database: Database = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Ask in SQL; without a statement, say how to connect, and print some to begin with."""
    from hune.store import inspection

    examples = inspection.EXAMPLES
    if not query:
        connect = _client(_reference(database, data_dir))
        if json_output:
            known = [{"name": one.name, "title": one.title, "sql": one.statement} for one in examples]
            show.as_json({"connect": connect, "examples": known})
            return
        print(f"-- {connect}\n")
        for one in examples:
            print(f"-- hune store sql {one.name}: {one.title}\n{one.statement}")
        return
    statement = next((one.statement for one in examples if one.name == query), query)
    columns, rows = _run(database, data_dir, lambda connection: inspection.ask(connection, statement))
    if json_output:
        show.as_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
    elif columns:
        show.table(columns, [[show.escape(_text(value)) for value in row] for row in rows])


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(metavar="URL", help="A Prometheus or a VictoriaMetrics.")],
    to: Annotated[str | None, typer.Option(metavar="URL", help="The adapter; else the site's.")] = None,
    since: Annotated[str, typer.Option(help="From when on: 30d, 12h, 2026-01-31, 2026-01-31T12:00.")] = "30d",
    until: Annotated[str, typer.Option(help="Until when, in the same forms; 0s is now.")] = "0s",
    match: Annotated[
        list[str] | None, typer.Option(metavar="MATCHER", help="Only such series: job=node, __name__=~node_.*.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Begin anew, not where it was left.")] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Bring history from a Prometheus or a VictoriaMetrics; broken off, it goes on where it was when run again."""
    import hashlib
    import time

    from hune.store import backfill as work

    now = time.time()
    task = work.Task(
        source=_base(source),
        target=_base(to or _site_adapter(layout_of(data_dir))),
        matchers=tuple(work.parse_matcher(one) for one in match or ()),
        since=_moment(since, now),
        until=_moment(until, now),
    )
    if task.since >= task.until:
        raise InputError("--since: not before --until")
    named = hashlib.blake2b(repr((task.source, task.target, task.matchers)).encode(), digest_size=8).hexdigest()
    record = layout_of(data_dir).data("timescale") / f"backfill-{named}.json"
    if again:
        record.unlink(missing_ok=True)
    began = time.monotonic()
    progress = asyncio.run(_backfill(task, record, _keyring(layout_of(data_dir)), quiet=json_output))
    if json_output:
        show.as_json(
            {
                "since": progress.since,
                "until": progress.until,
                "samples": progress.samples,
                "refused_requests": progress.refused,
                "seconds": time.monotonic() - began,
            }
        )
        return
    show.line(f"{progress.samples:,} samples in {time.monotonic() - began:,.1f} s")
    if progress.refused:
        show.line(f"{progress.refused:,} requests held samples older than the adapter keeps, which it left out")


async def _backfill(task: Task, record: Path, keyring: Keyring, *, quiet: bool) -> Progress:
    from hune.core.clock import SystemClock
    from hune.http.call import open_session
    from hune.store.backfill import Backfill

    told = 0.0
    clock = SystemClock()

    def tell(progress: Progress) -> None:
        nonlocal told
        if not quiet and (clock.monotonic() > told + _TELL_SECONDS or progress.ratio >= 1):
            told = clock.monotonic()
            until = datetime.datetime.fromtimestamp(progress.done_until, datetime.UTC)
            typer.echo(f"until {until:%Y-%m-%d %H:%M} ({progress.ratio:.0%}): {progress.samples:,} samples", err=True)

    async with open_session(keyring=keyring) as session:
        return await Backfill(session, clock, task, record).run(tell)


def _site_adapter(layout: Layout) -> str:
    from hune.cli.timescale import site_assignment
    from hune.site.models import Site, join_address

    asked = site_assignment(layout)
    return f"http://{join_address(Site(listen=asked.host).local_address, asked.port)}"


def _keyring(layout: Layout) -> Keyring:
    """Return the keys to the engines that Hune itself runs here."""
    from hune.http.call import Keyring
    from hune.site.models import Site

    if not layout.site_json.exists():
        return Keyring()
    site = Site.model_validate_json(layout.site_json.read_text())
    return Keyring([(site.url(name), layout.key(name)) for name in ("prometheus", "victoriametrics")])


@app.command()
def upgrade(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Bring the PostgreSQL that Hune runs to the newest major version here; the data before are kept beside."""
    from hune.site.models import Site
    from hune.stack.cluster_upgrade import upgrade as run_upgrade

    layout = layout_of(data_dir)
    site = Site.model_validate_json(layout.site_json.read_text()) if layout.site_json.exists() else Site()
    done = run_upgrade(layout, site, lambda text: typer.echo(text, err=True))
    if json_output:
        show.as_json({"before": done.before, "now": done.now, "kept": str(done.kept) if done.kept else None})
    elif done.kept is None:
        show.line(f"PostgreSQL {done.now} is the newest that is here, or that Debian offers")
    else:
        show.line(f"PostgreSQL {done.now}, taken into use by: hune up")
        show.line(f"The data of {done.before} are kept in {done.kept}: remove them when all is well")


def _base(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise InputError(f"{url}: not a URL", remedy="write it like http://127.0.0.1:9090")
    return url.rstrip("/")


def _moment(text: str, now: float) -> float:
    """Return the moment that a text means: an age, or a date (UTC unless it says otherwise). Raises InputError."""
    if found := re.fullmatch(r"([0-9]{1,9})([smhdw])", text):
        return max(0.0, now - int(found[1]) * _UNITS[found[2]])
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text}: neither an age nor a date", remedy="write 30d, 12h, 2026-01-31 or 2026-01-31T12:00"
        ) from None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what it has no word for, as text."""
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    return str(value)


def _run(database: str | None, data_dir: Path | None, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    """Return what work returns, given a connection. Raises InputError, Unavailable, or Refused of a statement."""
    from hune.cli.timescale import database_url
    from hune.store import inspection

    url = database_url(_reference(database, data_dir), os.environ)
    return asyncio.run(inspection.connected(url, work))


def _reference(database: str | None, data_dir: Path | None) -> str:
    from hune.cli.timescale import site_assignment

    return database or site_assignment(layout_of(data_dir)).database


def _client(reference: str) -> str:
    """Return the command that connects to a database, without a secret in it."""
    kind, _, place = reference.partition(":")
    url = f"${place}" if kind == "env" else f"$(cat {shlex.quote(place)})" if kind == "file" else reference
    return f'psql "{url}"'
