"""What remote write says is in the database, once, before it is acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from support import remote_write as remote
from support.postgresql import Postgresql
from support.timescale import Adapter, adapter, fetch, stored

DAY_MS = 86_400_000
STALE = 0x7FF0000000000002
UP = (("__name__", "up"), ("instance", "pve-01:9100"), ("job", "node"))


@pytest.fixture
def running(database: str) -> Iterator[Adapter]:
    with adapter(database) as one:
        yield one


async def eventually(is_so: Callable[[], bool]) -> None:
    """Return once something is so."""
    async with asyncio.timeout(180):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - what happens elsewhere is asked for
            await asyncio.sleep(0.05)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_every_value_keeps_its_bits_and_a_stale_marker_becomes_null(running: Adapter, database: str) -> None:
    patterns = [0, 1 << 63, 0x7FF8000000000001, 0xFFF8000000000123, 0x7FF0000000000000, 0x3FF0000000000000, STALE]
    now = now_ms()
    # Once as a new series, once as a known one: two ways through the decoder.
    for begin in (now, now + 1000):
        body = remote.request([(UP, [(begin + at, remote.number(bits))]) for at, bits in enumerate(patterns)])
        answer = running.store(body)
        assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == str(len(patterns))
    expected = [None if bits == STALE else bits - (1 << 64 if bits >> 63 else 0) for bits in patterns]
    times = [begin + at for begin in (now, now + 1000) for at in range(len(patterns))]
    assert await stored(database) == {UP: list(zip(times, expected * 2, strict=True))}


async def test_both_versions_and_both_encodings_write_the_same_series(running: Adapter, database: str) -> None:
    now = now_ms()
    v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    running.store(remote.request([(UP, [(now, 1.0)])]))
    answer = running.write(remote.packed(remote.request2([(UP, [(now + 1, 2.0)])])), content_type=v2)
    assert (answer.status, answer.headers["X-Prometheus-Remote-Write-Samples-Written"]) == (204, "1")
    body = remote.zstd(remote.request([(UP, [(now + 2, 3.0)])]))
    assert running.write(body, "/write", content_encoding="zstd").status == 204
    assert await stored(database) == {UP: [(now + at, remote.bits(at + 1.0)) for at in range(3)]}


async def test_labels_of_any_text_are_kept(running: Adapter, database: str) -> None:
    now = now_ms()
    long = "x" * 5_000
    labels = [
        (("a", "é\n\"'\\ 漢"), ("é", "1")),
        (("__name__", long), ("b", long)),
        (("__name__", "nul"), ("a", "1\x002")),
        (("__name__", "nul"), ("a", "1\ufffd2")),
    ]
    running.store(remote.request((one, [(now, 1.0)]) for one in labels))
    found = await stored(database)
    assert labels[0] in found
    assert labels[1] in found
    rows = await fetch(database, "SELECT labels->>'a' AS a, exact FROM hune.series WHERE metric = 'nul' ORDER BY exact")
    assert [row["a"] for row in rows] == ["1\ufffd2", "1\ufffd2"]
    assert rows[0]["exact"].endswith(b"\x12\x031\x002")
    assert rows[1]["exact"] is None


async def test_repeated_shuffled_and_late_requests_change_nothing(running: Adapter, database: str) -> None:
    chance = random.Random(1)
    now = now_ms()
    series = [(("__name__", "m"), ("n", str(number))) for number in range(50)]
    moments = [now - 2 * DAY_MS + at * 15_000 for at in range(40)] + [now + at for at in range(5)]
    bodies = [remote.request((one, [(moment, float(moment % 997))]) for one in series) for moment in moments]
    chance.shuffle(bodies)
    for body in bodies:
        running.store(body)
    first = await stored(database)
    assert first == {one: [(moment, remote.bits(moment % 997)) for moment in moments] for one in series}
    chance.shuffle(bodies)
    await asyncio.gather(*(asyncio.to_thread(running.store, body, Retry_Attempt="1") for body in bodies))
    assert await stored(database) == first
    assert running.metric("hune_store_samples_repeated_total") == len(bodies) * len(series)


async def test_of_two_values_of_one_moment_the_first_stays(running: Adapter, database: str) -> None:
    now = now_ms()
    for value in (1.0, 2.0):
        running.store(remote.request([(UP, [(now, value), (now, 3.0)])]))
    assert await stored(database) == {UP: [(now, remote.bits(1.0))]}


async def test_two_adapters_started_at_once_on_one_database_store_nothing_twice(
    postgres: Postgresql, database: str
) -> None:
    pair = [Adapter(database), Adapter(database)]
    try:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in pair))
        now = now_ms()
        series = [(("__name__", "m"), ("n", str(number))) for number in range(300)]
        for at in range(20):
            body = remote.request((one, [(now + at, float(at))]) for one in series)
            await asyncio.gather(*(asyncio.to_thread(one.store, body) for one in pair))
        expected = [(now + at, remote.bits(float(at))) for at in range(20)]
        assert await stored(database) == dict.fromkeys(series, expected)
        assert sum(one.metric("hune_store_samples_written_total") for one in pair) == 20 * len(series)
    finally:
        for one in pair:
            one.stop()


def test_what_is_no_write_request_is_refused_for_good(running: Adapter) -> None:
    good = remote.packed(remote.request([(UP, [(now_ms(), 1.0)])]))
    assert running.write(good, content_type="application/json").status == 415
    assert running.write(good, content_type="application/x-protobuf;proto=some.Other").status == 415
    assert running.write(good, content_encoding="gzip").status == 415
    assert running.write(good, content_type="").status == 415
    answer = running.write(b"nonsense")
    assert (answer.status, answer.headers["X-Prometheus-Remote-Write-Samples-Written"]) == (400, "0")
    assert running.write(remote.packed(b"\x0a\xff")).status == 400
    assert running.write(remote.packed(remote.request([((), [(1, 1.0)])]))).status == 400
    assert running.write(b"\xff\xff\xff\xff\x0f" + good).status == 413
    assert running.get("/write").status == 405
    assert running.metric("hune_store_samples_written_total") == 0


def test_hostile_requests_take_no_more_memory_than_is_given(running: Adapter) -> None:
    now = now_ms()
    series = remote.request([(UP, [(now, 1.0)])])
    answers = [
        running.write(remote.packed(body)).status
        for body in (
            b"\x0a\x00" * 1_150_000,
            series + b"\x1a\x00" * 1_150_000,
            remote.request([(UP, [(now, 1.0)] * 300_000)]),
            remote.request([([("a", "")] * 1_000_000, [(now, 1.0)])]),
            remote.request([((("a", "x" * 10_000_000),), [(now, 1.0)])]),
            b"\0" * (11 << 20),
        )
    ]
    assert answers == [400, 413, 413, 413, 413, 413]
    assert running.peak_mb() < 200


async def test_what_isnt_stored_is_told_and_the_rest_is_stored(running: Adapter, database: str) -> None:
    now = now_ms()
    made = remote.WriteRequest.FromString(remote.request([(UP, [(0, 1.0), (now, 2.0), (now + 2 * DAY_MS, 3.0)])]))
    made.timeseries[0].histograms.add(sum=1.0, timestamp=now)
    made.timeseries[0].exemplars.add(value=1.0, timestamp=now)
    answer = running.write(remote.packed(made.SerializeToString()))
    assert answer.status == 400
    assert "2 samples too old or from the future, 1 native histograms, 1 exemplars" in answer.text
    assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    assert answer.headers["X-Prometheus-Remote-Write-Histograms-Written"] == "0"
    assert await stored(database) == {UP: [(now, remote.bits(2.0))]}


async def test_metadata_that_are_the_same_to_the_database_or_endless_are_kept(running: Adapter, database: str) -> None:
    made = remote.WriteRequest()
    for metric in ("a\0", "a\ufffd", "b"):
        made.metadata.add(metric_family_name=metric, help="x" * 5_000)
    running.store(made.SerializeToString())
    rows = await fetch(database, "SELECT metric, length(help) AS size FROM hune.metadata ORDER BY metric")
    assert [tuple(row) for row in rows] == [("a\ufffd", 2_000), ("b", 2_000)]


@pytest.mark.parametrize("table", ["series", "samples"])
async def test_what_the_database_objects_to_is_asked_for_again_and_told_until_something_is_stored(
    running: Adapter, database: str, table: str
) -> None:
    await fetch(database, "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no room''; END'")
    await fetch(database, f"CREATE TRIGGER no BEFORE INSERT ON hune.{table} FOR EACH ROW EXECUTE FUNCTION no()")
    body = remote.packed(remote.request([(UP, [(now_ms(), 1.0)])]))
    answer = running.write(body)
    assert (answer.status, answer.headers["Retry-After"], "no room" in answer.text) == (503, "5", True)
    if table == "samples":
        # That a database answers, and it is asked every second, doesn't mean that it stores.
        await asyncio.sleep(1.2)
        assert running.get("/health").status == 503
    await fetch(database, f"DROP TRIGGER no ON hune.{table}")
    assert running.write(body).status == 204
    assert running.get("/health").status == 200


async def test_metadata_alone_is_taken_and_kept(running: Adapter, database: str) -> None:
    for text in ("Whether.", "Whether it is up."):
        made = remote.WriteRequest()
        made.metadata.add(type=2, metric_family_name="up", help=text)
        running.store(made.SerializeToString())
    rows = await fetch(database, "SELECT metric, kind, help, unit FROM hune.metadata")
    assert [tuple(row) for row in rows] == [("up", "gauge", "Whether it is up.", "")]


async def test_days_older_than_the_retention_are_dropped(database: str) -> None:
    now = now_ms()
    # An hour within what is kept; and of days that are over for good, whatever the hour.
    young = [now + 3_600_000 - days * DAY_MS for days in (3, 2, 1, 0)]
    gone = [now // DAY_MS * DAY_MS - days * DAY_MS + DAY_MS // 2 for days in range(4, 10)]
    old = [(UP, [(moment, 1.0) for moment in (*young, *gone)])]
    with adapter(database, "--retention-days", "36500") as one:
        one.store(remote.request(old))
        # However long it is kept: what nobody could read isn't stored.
        answer = one.write(remote.packed(remote.request([(UP, [(0, 1.0), (-1, 1.0), (-(1 << 63), 1.0)])])))
        assert (answer.status, "3 samples too old" in answer.text) == (400, True)
    with adapter(database, "--retention-days", "3") as one:
        answer = one.write(remote.packed(remote.request(old)))
        assert (answer.status, "6 samples too old" in answer.text) == (400, True)
        await eventually(lambda: one.metric("hune_store_days_dropped_total") == 6)
    assert [moment for moment, _ in (await stored(database))[UP]] == young


async def test_a_day_dropped_by_another_is_made_again(running: Adapter, database: str) -> None:
    now = now_ms()
    running.store(remote.request([(UP, [(now, 1.0)])]))
    await fetch(database, "SELECT hune.drop_before(now() + interval '2 days')")
    running.store(remote.request([(UP, [(now + 1, 2.0)])]))
    assert await stored(database) == {UP: [(now + 1, remote.bits(2.0))]}


async def test_a_schema_newer_than_the_program_is_left_alone(database: str) -> None:
    with adapter(database):
        pass
    await fetch(database, "INSERT INTO hune.migration (number, name) VALUES (9999, 'future')")
    one = Adapter(database)
    try:
        one.start(healthy=False)
        await eventually(lambda: "newer than this program" in one.get("/health").text)
        assert one.get("/health").status == 503
        answer = one.write(remote.packed(remote.request([(UP, [(now_ms(), 1.0)])])))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    finally:
        one.stop()


async def test_a_database_that_cant_hold_every_label_is_left_alone(postgres: Postgresql) -> None:
    for statement in (
        "DROP DATABASE IF EXISTS latin",
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    ):
        await fetch(postgres.url(), statement)
    one = Adapter(postgres.url("latin"))
    try:
        one.start(healthy=False)
        await eventually(lambda: "its encoding is LATIN1" in one.get("/health").text)
    finally:
        one.stop()


async def test_while_the_database_waits_senders_are_turned_away_and_what_waits_is_stored(
    running: Adapter, database: str
) -> None:
    now = now_ms()
    running.store(remote.request([(UP, [(now, 1.0)])]))
    moments = [(now + at, 1.0) for at in range(50_000)]
    bodies = [remote.packed(remote.request([((("n", str(number)),), moments)])) for number in range(10)]
    connection = await asyncpg.connect(database)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(bodies)) as pool:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE hune.samples IN ACCESS EXCLUSIVE MODE")
        sends = [loop.run_in_executor(pool, running.write, body) for body in bodies]
        done, _ = await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
        refused = {task.result().status for task in done}
        held = await asyncio.to_thread(running.metric, "hune_store_samples_waiting")
        await transaction.rollback()
        await connection.close()
        answers = [(await task).status for task in sends]
    assert refused == {503}
    assert held <= 200_000
    assert set(answers) == {204, 503}
    rows = await fetch(database, "SELECT count(*) AS count FROM hune.samples GROUP BY series_id")
    assert [row["count"] for row in rows].count(len(moments)) == answers.count(204)
