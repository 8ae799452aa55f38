"""`hune store`: what the store in PostgreSQL holds, whether it is right, what is asked of it in SQL, what it lacks."""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hune.cli import show
from hune.cli.options import Json

if TYPE_CHECKING:
    from hune.store.database import Connection

app = typer.Typer(
    help="The store in PostgreSQL: what it holds, whether it is right, what it says in SQL.",
    epilog="The database is what --database refers to, else what the variable DATABASE_URL holds.",
    no_args_is_help=True,
)

Database = Annotated[
    str,
    typer.Option(metavar="REFERENCE", help="Where its URL is: env:NAME or file:/absolute/path."),
]
_DEFAULT = "env:DATABASE_URL"
_MEBI = 1 << 20
_T = TypeVar("_T")


@app.callback()
def root() -> None:
    """Look after the store in PostgreSQL, and ask it."""


@app.command()
def stats(
    database: Database = _DEFAULT,
    exact: Annotated[bool, typer.Option("--exact", help="Count every sample; otherwise they are estimated.")] = False,
    json_output: Json = False,
) -> None:
    """Say what the store holds: series, samples, days and what they take, how far it lags behind."""
    from hune.store.inspection import statistics

    found = _run(database, lambda connection: statistics(connection, exact=exact))
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
def check(database: Database = _DEFAULT, json_output: Json = False) -> None:
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

    found = _run(database, work)
    if json_output:
        show.as_json([{"what": one.what, "violations": one.violations, "examples": one.examples} for one in found])
    if any(one.violations for one in found):
        raise typer.Exit(1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A statement that only reads, or the name of an example.")] = "",
    database: Database = _DEFAULT,
    json_output: Json = False,
) -> None:
    """Ask in SQL; without a statement, print some to begin with."""
    from hune.store import inspection

    examples = inspection.EXAMPLES
    if not query:
        if json_output:
            show.as_json([{"name": one.name, "title": one.title, "sql": one.statement} for one in examples])
            return
        for one in examples:
            print(f"-- hune store sql {one.name}: {one.title}\n{one.statement}")
        return
    statement = next((one.statement for one in examples if one.name == query), query)
    columns, rows = _run(database, lambda connection: inspection.ask(connection, statement))
    if json_output:
        show.as_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
    elif columns:
        show.table(columns, [[show.escape(_text(value)) for value in row] for row in rows])


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


def _run(reference: str, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    """Return what work returns, given a connection. Raises InputError, Unavailable, or Refused of a statement."""
    from hune.core.errors import InputError
    from hune.site.references import resolve
    from hune.store import inspection

    if reference == _DEFAULT and not os.environ.get("DATABASE_URL"):
        raise InputError("DATABASE_URL: not set", remedy="give --database env:NAME or file:/absolute/path")
    url = resolve(reference, os.environ).strip()
    return asyncio.run(inspection.connected(url, work))
