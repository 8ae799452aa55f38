"""Remote read answers what was written, to the last bit, packed or not, in both forms; and refuses what it can't."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Iterator

import asyncpg
import pytest
import re2

from hune.promapi.remote import Matcher, read_request
from support import remote_read
from support import remote_write as remote
from support.timescale import Adapter, adapter, fetch

DAY_MS = 86_400_000
STALE = 0x7FF0000000000002
SPECIAL = [0, 1 << 63, 0x7FF8000000000001, 0xFFF8000000000123, 0x7FF0000000000000, 0x3FF0000000000000, STALE]
HEAD = "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n"
NAMED = Matcher("__name__", "=~", ".*")


@pytest.fixture
def running(database: str) -> Iterator[Adapter]:
    with adapter(database) as one:
        yield one


def both(one: Adapter, matchers: list[Matcher], start_ms: int, end_ms: int) -> remote_read.Found:
    """Read in both forms, which say the same, series sorted; return it."""
    whole = remote_read.read(one.url, matchers, start_ms, end_ms)
    streamed = remote_read.read(one.url, matchers, start_ms, end_ms, streamed=True)
    assert list(whole.items()) == list(streamed.items())
    as_bytes = [[(name.encode(), value.encode()) for name, value in labels] for labels in whole]
    assert as_bytes == sorted(as_bytes)
    return whole


async def test_packed_days_late_samples_and_today_are_read_as_one(running: Adapter, database: str) -> None:
    chance = random.Random(5)
    today = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
    named = [(("__name__", "m"), ("n", str(number))) for number in range(12)]
    sent: remote_read.Found = {}
    for labels in named:
        begin = today - 3 * DAY_MS + chance.randrange(DAY_MS)
        moments = sorted({begin + at * 400_000 + chance.choice((0, 0, 0, 1, -7)) for at in range(600)})
        moments = [one for one in moments if one < today + DAY_MS]
        patterns = [chance.choice((*SPECIAL, chance.getrandbits(64))) for _ in moments]
        sent[labels] = [(moment, remote.signed(one)) for moment, one in zip(moments, patterns, strict=True)]
    late: remote_read.Found = {labels: chance.sample(samples, 30) for labels, samples in sent.items()}
    early = {labels: [one for one in samples if one not in late[labels]] for labels, samples in sent.items()}
    for part in (early, late):
        running.store(
            remote.request(
                (labels, [(moment, remote.number(bits)) for moment, bits in samples])
                for labels, samples in part.items()
            )
        )
        if part is early:
            for day in await fetch(database, "SELECT day FROM hune.unpacked_before(now()) AS day"):
                await fetch(database, "SELECT hune.pack($1)", day["day"])
    expected = dict(sorted(sent.items()))
    assert both(running, [NAMED], 0, 1 << 50) == expected
    for _ in range(10):
        labels = chance.choice(named)
        start, end = sorted(chance.choice(sent[labels])[0] + chance.choice((-1, 0, 1)) for _ in range(2))
        cut = {one: [sample for sample in expected[one] if start <= sample[0] <= end] for one in expected}
        assert both(running, [NAMED], start, end) == {one: samples for one, samples in cut.items() if samples}
    assert both(running, [NAMED], 2, 1) == {}


def test_matchers_mean_what_they_mean_in_prometheus(running: Adapter) -> None:
    now = time.time_ns() // 1_000_000
    values = ["", "a", "b", "ab", "a\nb", "a.b", "é", "A", "x" * 300, "1", "a\0b", "a\ufffdb"]
    series = [
        tuple((name, value) for name, value in (("__name__", metric), ("l", one), ("é", other)) if value)
        for metric, one, other in itertools.product(("", "m", "node_cpu"), values, ("", "z"))
    ]
    series = [labels for labels in series if labels]
    running.store(remote.request((labels, [(now, float(at))]) for at, labels in enumerate(series)))
    texts = [
        *values,
        "a|b",
        "a|",
        "a.*",
        ".*",
        ".+",
        "a.b",
        "(?i)a",
        "[ab]+",
        "a\\.b",
        "m|node_.*",
        "a$|b",
        "\\d",
        "^a",
        "x{300}",
    ]
    one_by_one = [
        [Matcher(name, operator, text)]
        for name in ("l", "__name__", "absent", "a\0b")
        for operator in remote_read.OPERATORS
        for text in texts
    ]
    chance = random.Random(3)
    several = [[*chance.choice(one_by_one), *chance.choice(one_by_one)] for _ in range(60)]
    for matchers in [*chance.sample(one_by_one, 120), *several]:
        expected = {labels for labels in series if all(holds(one, dict(labels)) for one in matchers)}
        assert set(remote_read.read(running.url, matchers, 0, now)) == expected, matchers


def holds(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return (re2.fullmatch(f"(?s:{matcher.value})", value) is not None) == (matcher.operator == "=~")


def test_many_values_of_an_expression_are_found(running: Adapter) -> None:
    now = time.time_ns() // 1_000_000
    series = [(("__name__", "m"), ("n", f"{number:04}")) for number in range(3_000)]
    running.store(remote.request((labels, [(now, 1.0)]) for labels in series))
    assert list(both(running, [Matcher("n", "=~", "[0-2].*")], 0, now)) == series
    assert list(both(running, [Matcher("n", "=~", "00.[13]")], 0, now)) == [
        series[at] for at in range(100) if at % 10 in (1, 3)
    ]
    assert list(both(running, [Matcher("n", "!~", "[1-9].*|0[^0].*|00[1-9].")], 0, now)) == series[:10]


def test_a_series_with_many_samples_comes_in_several_frames_and_who_leaves_between_them_leaves_nothing_behind(
    running: Adapter,
) -> None:
    chance = random.Random(7)
    begin = time.time_ns() // 1_000_000 - 200_000
    samples = [(begin + at, remote.signed(chance.getrandbits(64))) for at in range(190_000)]
    labels = (("__name__", "m"),)
    running.store(remote.request([(labels, [(moment, remote.number(bits)) for moment, bits in samples])]))
    body = remote_read.body([NAMED], 0, 1 << 50, remote_read.STREAMED)
    for _ in range(5):
        with socket.socket() as client:
            # It takes in little, so that most is still on its way.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", running.port))
            client.sendall(HEAD.format(len(body)).encode() + body)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert both(running, [Matcher("__name__", "=", "m")], 0, 1 << 50) == {labels: samples}
    assert running.metric("hune_store_reads_total") == 7


def test_what_is_no_read_request_is_refused(running: Adapter) -> None:
    good = remote_read.body([NAMED], 0, 1)
    assert remote_read.ask(running.url, good) == (200, "")
    assert remote_read.ask(running.url, good, Content_Encoding="zstd")[0] == 415
    assert remote_read.ask(running.url, good, Content_Type="text/plain")[0] == 415
    assert remote_read.ask(running.url, b"nonsense")[0] == 400
    assert remote_read.ask(running.url, remote.packed(b"\x0a\xff"))[0] == 400
    assert remote_read.ask(running.url, remote_read.body([NAMED], 0, 1, 7))[0] == 400
    status, text = remote_read.ask(running.url, remote_read.body([Matcher("a", "=~", "a(")], 0, 1 << 50))
    assert (status, "not a regular expression" in text) == (400, True)
    assert remote_read.ask(running.url, remote.packed(b"\0" * (1 << 20) + b"\0"))[0] == 413
    assert remote_read.ask(running.url, remote.packed(b"\x0a\x00" * 101))[0] == 413
    assert running.get("/read").status == 405


async def test_a_reader_who_leaves_is_read_for_no_longer(running: Adapter, database: str) -> None:
    running.store(remote.request([((("__name__", "m"),), [(time.time_ns() // 1_000_000, 1.0)])]))
    deadline = time.monotonic() + 180

    async def waits() -> bool:
        return bool(await fetch(database, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    connection = await asyncpg.connect(database)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE hune.series IN ACCESS EXCLUSIVE MODE")
        body = read_request([NAMED], start_ms=0, end_ms=1 << 50)
        head = HEAD.format(len(body))
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(head.encode() + body)
            while not await waits():
                assert time.monotonic() < deadline, "not at work"
        while await waits():
            assert time.monotonic() < deadline, "still at work"
        await transaction.rollback()
    finally:
        await connection.close()
    assert len(both(running, [NAMED], 0, 1 << 50)) == 1
    assert running.get("/health").status == 200


def test_while_the_database_is_away_a_reader_is_told_to_come_again() -> None:
    one = Adapter("postgresql://hune@127.0.0.1:1/hune")
    try:
        one.start(healthy=False)
        status, text = remote_read.ask(one.url, remote_read.body([NAMED], 0, 1 << 50))
        assert (status, "database" in text) == (503, True)
    finally:
        one.stop()
