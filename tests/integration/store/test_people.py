"""What people are told of the store, and what they ask of it in SQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from ruamel.yaml import YAML

from hune.store.inspection import EXAMPLES
from support import remote_write as remote
from support.postgresql import Postgresql
from support.store_command import Told, store
from support.timescale import Adapter, adapter, fetch
from support.timescale_server import TimescaleServer

DAY_MS = 86_400_000
STALE = remote.number(0x7FF0000000000002)
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "store.md"
NODE = "192.0.2.11:9100"


def minutes(count: int) -> list[int]:
    """Return moments of the last minutes, oldest first, each on a whole minute."""
    now = time.time_ns() // 60_000_000_000 * 60_000
    return [now - (count - 1 - at) * 60_000 for at in range(count)]


@pytest.fixture(scope="module")
def common(server: Postgresql | TimescaleServer) -> Iterator[str]:
    """A database that holds what the examples ask for, for all tests that only ask."""
    url = server.new_database("people")
    with filled(url):
        yield url


@pytest.fixture
def running(database: str) -> Iterator[Adapter]:
    """An adapter of the test's own that was told the same."""
    with filled(database) as one:
        yield one


@contextlib.contextmanager
def filled(database: str) -> Iterator[Adapter]:
    moments = minutes(60)
    named: dict[tuple[str, str, str], list[float]] = {
        ("node_load1", "job", "node"): [2.0 + at % 3 for at in range(60)],
        ("node_hwmon_temp_celsius", "sensor", "temp1"): [40.0 + at % 10 for at in range(60)],
        ("node_hwmon_temp_celsius", "sensor", "temp2"): [50.0] * 60,
        ("node_network_receive_bytes_total", "device", "enp1s0"): [(at % 50) * 600.0 for at in range(60)],
        ("up", "job", "node"): [1.0] * 58 + [STALE] * 2,
    }
    with adapter(database) as one:
        made = remote.WriteRequest.FromString(
            remote.request(
                ([("__name__", name), ("instance", NODE), (label, value)], zip(moments, values, strict=True))
                for (name, label, value), values in named.items()
            )
        )
        made.metadata.add(type=2, metric_family_name="node_load1", help="1m load average.")
        one.store(made.SerializeToString())
        yield one


def hune(database: str, *arguments: str) -> Told:
    return store(*arguments, "--database", "env:DATABASE_URL", DATABASE_URL=database)


def told(database: str, *arguments: str) -> Any:
    return hune(database, *arguments, "--json").document


def ask(database: str, statement: str) -> list[asyncpg.Record]:
    return asyncio.run(fetch(database, statement))


def pack(database: str) -> None:
    """Pack what is older than yesterday."""
    for row in ask(database, "SELECT day FROM hune.unpacked_before(now() - interval '1 day') AS day"):
        ask(database, f"SELECT hune.pack('{row['day']}')")


async def first_moment(database: str) -> float:
    rows = await fetch(database, "SELECT extract(epoch FROM min(time))::double precision AS at FROM hune.readable")
    return float(rows[0]["at"])


async def test_latest_is_what_an_instant_query_finds(common: str) -> None:
    rows = await fetch(common, "SELECT value, labels->>'sensor' AS sensor FROM hune.latest('node_hwmon_temp_celsius')")
    assert {(row["sensor"], row["value"]) for row in rows} == {("temp1", 49.0), ("temp2", 50.0)}
    matching = "SELECT value FROM hune.latest('node_hwmon_temp_celsius', '{\"sensor\": \"temp1\"}', to_timestamp($1))"
    assert [row["value"] for row in await fetch(common, matching, await first_moment(common) + 30 * 60)] == [40.0]
    assert await fetch(common, "SELECT FROM hune.latest('up')") == [], "it ended"
    assert len(await fetch(common, "SELECT FROM hune.latest('up', at => now() - interval '4 minutes')")) == 1


async def test_buckets_and_rates_say_what_lay_in_each_step(common: str) -> None:
    since = await first_moment(common)
    asked = "FROM hune.buckets('node_hwmon_temp_celsius', '10 minutes', to_timestamp($1), matching => $2) ORDER BY time"
    rows = await fetch(common, f"SELECT * {asked}", since, '{"sensor": "temp1"}')
    assert [(row["lowest"], row["average"], row["highest"], row["last"], row["samples"]) for row in rows] == [
        (40.0, 44.5, 49.0, 49.0, 10)
    ] * 6
    rows = await fetch(
        common,
        "SELECT growth, per_second FROM hune.rates('node_network_receive_bytes_total', '10 minutes', to_timestamp($1))"
        " ORDER BY time",
        since,
    )
    # The first sample grew from nothing that is known; in the last step the counter begins anew at 0.
    assert [row["growth"] for row in rows] == [5400.0, 6000.0, 6000.0, 6000.0, 6000.0, 5400.0]
    assert [row["per_second"] for row in rows] == [9.0, 10.0, 10.0, 10.0, 10.0, 9.0]


async def test_every_statement_of_the_guide_and_every_example_finds_something(common: str) -> None:
    guide = GUIDE.read_text()
    blocks = [block for block in re.findall(r"```sql\n(.*?)```", guide, re.DOTALL) if "ROLE" not in block]
    for one in EXAMPLES:
        assert f"```sql\n{one.statement}```" in guide, f"{one.name} is missing in the guide"
    assert len(blocks) >= len(EXAMPLES)
    for block in blocks:
        assert await fetch(common, block.strip().rstrip(";")) != [], block


async def test_the_panel_of_the_guide_finds_what_grafana_would_draw(common: str) -> None:
    sources, panel = (
        next(block for block in re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(), re.DOTALL) if word in block)
        for kind, word in (("yaml", "datasources:"), ("json", "rawSql"))
    )
    assert YAML(typ="safe").load(sources)["datasources"][0]["type"] == "grafana-postgresql-datasource"
    statement = json.loads(panel)["targets"][0]["rawSql"]
    moments = [time.strftime("'%Y-%m-%dT%H:%M:%SZ'", time.gmtime(time.time() - ago)) for ago in (7200, -60)]
    for macro, value in (("$__timeFrom()", moments[0]), ("$__timeTo()", moments[1]), ("$__interval", "1m")):
        assert macro in statement
        statement = statement.replace(macro, value)
    rows = await fetch(common, statement)
    assert [type(value) for value in rows[0].values()][1:] == [str, float]
    assert len(rows) in (60, 61)


async def test_what_is_packed_is_found_by_the_same_questions(running: Adapter, database: str) -> None:
    old = minutes(1)[0] - 2 * DAY_MS
    labels = (("__name__", "old_total"), ("instance", NODE))
    running.store(remote.request([(labels, [(old + at * 1000, at * 2.0) for at in range(100)])]))
    for day in await fetch(database, "SELECT day FROM hune.unpacked_before(now()) AS day"):
        await fetch(database, "SELECT hune.pack($1)", day["day"])
    latest = "SELECT value FROM hune.latest('old_total', at => to_timestamp($1))"
    assert [row["value"] for row in await fetch(database, latest, old / 1000 + 50)] == [100.0]
    rates = "SELECT sum(growth) AS growth FROM hune.rates('old_total', '1 hour', to_timestamp($1), to_timestamp($2))"
    assert (await fetch(database, rates, old / 1000, old / 1000 + 86_400))[0]["growth"] == 198.0


def test_a_role_that_may_read_reads_everything_and_changes_nothing(running: Adapter, database: str) -> None:
    ask(database, "DROP ROLE IF EXISTS reader")
    ask(database, "CREATE ROLE reader LOGIN")
    ask(database, "SELECT hune.allow_reading('reader')")
    as_reader = database.replace("//hune@", "//reader@")
    assert told(as_reader, "stats")["series"] == 5
    # Days that are made later are there too.
    running.store(remote.request([((("__name__", "tomorrow"),), [(minutes(1)[0] + DAY_MS - 60_000, 1.0)])]))
    assert told(as_reader, "sql", "SELECT count(*) AS count FROM hune.readable") == [{"count": 301}]
    assert "load average" in hune(as_reader, "sql", "metrics").output
    for statement in ("DELETE FROM hune.series", "SELECT hune.drop_before(now() + interval '9 days')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask(as_reader, statement)
    ask(database, "DROP OWNED BY reader")
    ask(database, "DROP ROLE reader")


def test_stats_count_what_there_is(running: Adapter, database: str) -> None:
    old = minutes(1)[0] - 2 * DAY_MS
    running.store(remote.request([((("__name__", "old"),), [(old + at * 10, 1.0) for at in range(1000)])]))
    pack(database)
    newest = ask(database, "SELECT extract(epoch FROM max(time))::double precision AS at FROM hune.readable")[0]["at"]
    before = time.time()
    found = told(database, "stats", "--exact")
    assert (found["series"], found["metrics"], found["samples"]) == (6, 5, 1300)
    assert sum(day["packed_samples"] for day in found["days"]) == 1000
    assert before - newest - 1 <= found["lag_seconds"] <= time.time() - newest + 1
    assert found["database_bytes"] > found["bytes"] > 0
    shown = hune(database, "stats").output
    assert "6 series of 5 metrics, about 1,300 samples" in shown
    assert time.strftime("%Y-%m-%d", time.gmtime(old / 1000)) in shown


def test_check_finds_what_is_wrong_and_nothing_else(
    running: Adapter, database: str, server: Postgresql | TimescaleServer
) -> None:
    old = minutes(1)[0] - 2 * DAY_MS
    named = (("__name__", "old"), ("nul", "a\0b"))
    running.store(remote.request([(named, [(old + at * 10, 1.0) for at in range(100)])]))
    pack(database)
    assert [one["violations"] for one in told(database, "check")] == [0] * 5
    name = time.strftime("%Y%m%d", time.gmtime(old / 1000))
    wrong = [
        "INSERT INTO hune.samples (time, value, series_id) VALUES (now(), 1, 99999)",
        "UPDATE hune.series SET labels = '{\"n\": \"other\"}' WHERE metric = 'up'",
    ]
    if isinstance(server, Postgresql):
        # What TimescaleDB packs it looks after itself.
        wrong += [
            f"ALTER TABLE hune.samples_{name} DISABLE TRIGGER skip_packed",
            f"INSERT INTO hune.samples SELECT to_timestamp({old / 1000}), 1, series_id FROM hune.chunks",
            "UPDATE hune.chunks SET gaps[2] = 0",
        ]
    for statement in wrong:
        ask(database, statement)
    done = hune(database, "check", "--json")
    assert done.code == 1
    assert [one["violations"] for one in json.loads(done.output)] == [1] * len(wrong) + [0] * (5 - len(wrong))
    assert "series 99999" in hune(database, "check").output


def test_what_cant_be_asked_is_told_in_one_line(database: str) -> None:
    for arguments, url, part in (
        (("sql", "SELECT FROM nowhere"), database, "nowhere"),
        (("sql", "CREATE TABLE x ()"), database, "read-only"),
        (("stats",), database, "does not exist"),
        (("stats",), "postgresql://nobody@127.0.0.1:1/x", "database: "),
        (("stats",), "", "DATABASE_URL"),
    ):
        done = hune(url, *arguments)
        assert done.code != 0
        assert part in done.error
        assert len(done.error.splitlines()) == 1
