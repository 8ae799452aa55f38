"""The hub's file: durable groups, the reserve, and what happens when the file is damaged, gone or full."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hune.alerting.state.database import Database
from hune.alerting.state.schema import SCRIPTS
from hune.core.errors import InputError, Unavailable

SCHEMA = "CREATE TABLE word (text TEXT NOT NULL UNIQUE); CREATE TABLE bulk (content BLOB);"
RESERVE = 256 << 10


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    database = Database(path, [SCHEMA], reserve_bytes=RESERVE)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def insert(text: str) -> Callable[[sqlite3.Connection], int]:
    return lambda connection: connection.execute("INSERT INTO word VALUES (?)", (text,)).rowcount


def words(connection: sqlite3.Connection) -> list[str]:
    return [row["text"] for row in connection.execute("SELECT text FROM word ORDER BY rowid")]


async def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        assert await database.write(insert("one")) == 1
        assert await database.read(words) == ["one"]
    async with opened(tmp_path / "a.db") as database:
        assert await database.read(words) == ["one"]
        assert database.replaced == ""


async def test_what_is_acknowledged_is_in_the_file_as_a_crash_would_leave_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        await database.write(insert("one"))
        for suffix in ("", "-wal"):
            (tmp_path / f"copy.db{suffix}").write_bytes((tmp_path / f"a.db{suffix}").read_bytes())
    async with opened(tmp_path / "copy.db") as copy:
        assert await copy.read(words) == ["one"]


async def test_many_writers_share_commits_and_each_gets_its_answer(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        assert await asyncio.gather(*(database.write(insert(str(number))) for number in range(300))) == [1] * 300
        assert len(await database.read(words)) == 300


async def test_failing_operation_leaves_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert("half")(connection)
        raise InputError("no")

    async with opened(tmp_path / "a.db") as database:
        await database.write(insert("first"))
        results = await asyncio.gather(
            database.write(insert("before")),
            database.write(half),
            database.write(insert("first")),
            database.write(insert("after")),
            return_exceptions=True,
        )
        assert results[0] == results[3] == 1
        assert isinstance(results[1], InputError)
        assert isinstance(results[2], sqlite3.IntegrityError)
        assert await database.read(words) == ["first", "before", "after"]


async def test_statement_that_cannot_be_run_spoils_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:

        def wrong(connection: sqlite3.Connection) -> None:
            insert("never")(connection)
            connection.execute("SELECT json_extract('{', '$.a')")

        group = await asyncio.gather(
            *(database.write(one) for one in (insert("one"), wrong, insert("two"))), return_exceptions=True
        )
        assert [isinstance(one, Unavailable) for one in group] == [False, True, False]
        assert await database.read(words) == ["one", "two"]
        assert database.trouble == ""


async def test_reserve_is_set_aside_in_file_and_log(tmp_path: Path) -> None:
    for _ in range(3):
        async with opened(tmp_path / "a.db") as database:
            assert RESERVE <= await database.read(database.reserve_left) < 2 * RESERVE
            assert (tmp_path / "a.db-wal").stat().st_size >= RESERVE


async def test_on_a_full_disk_writing_goes_on_for_as_long_as_the_reserve_lasts(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        await database.write(_grow_no_more)
        before = await database.read(database.reserve_left)
        await database.write(
            lambda connection: connection.execute("INSERT INTO bulk VALUES (zeroblob(100000))").rowcount
        )
        assert await database.read(database.reserve_left) < before
        with pytest.raises(Unavailable, match="full"):
            await database.write(lambda connection: connection.execute("INSERT INTO bulk VALUES (zeroblob(1000000))"))
        assert "full" in database.trouble
        # What fits still goes in, and the trouble is over with it.
        assert await database.write(insert("small")) == 1
        assert database.trouble == ""


def _grow_no_more(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_reserve_is_filled_again_once_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        await database.write(
            lambda connection: connection.execute("INSERT INTO bulk VALUES (zeroblob(200000))").rowcount
        )
        assert await database.read(database.reserve_left) < RESERVE // 2
        await database.refill()
        assert await database.read(database.reserve_left) >= RESERVE


@pytest.mark.parametrize(
    "content", [b"this is no database, and never was one" * 100, b"SQLite format 3\x00" + b"\xff" * 8000]
)
async def test_damaged_file_is_moved_aside_at_the_start(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.db").write_bytes(content)
    async with opened(tmp_path / "a.db") as database:
        assert await database.write(insert("one")) == 1
        assert await asyncio.to_thread(Path(database.replaced).read_bytes) == content
    assert "damaged" in caplog.text


async def test_file_of_an_older_format_is_brought_to_the_newest_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    first = Database(path, SCRIPTS[:1], reserve_bytes=RESERVE)
    await first.open()
    await first.write(
        lambda connection: connection.execute(
            "INSERT INTO episode (fingerprint, labels, annotations, state, starts_at, received_at, heard_at)"
            " VALUES ('f', '{}', '{}', 'firing', 1, 1, 1)"
        )
    )
    await first.close()
    newest = Database(path, SCRIPTS, reserve_bytes=RESERVE)
    await newest.open()
    try:
        assert not newest.replaced
        [episode] = await newest.read(lambda connection: connection.execute("SELECT * FROM episode").fetchall())
        assert (episode["fingerprint"], episode["held"]) == ("f", "")
    finally:
        await newest.close()


async def test_file_of_a_newer_format_is_moved_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    async with opened(tmp_path / "a.db") as database:
        assert database.replaced
        assert await database.write(insert("one")) == 1


async def test_file_damaged_while_in_use_is_replaced_and_writing_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as database:
        await database.write(insert("lost"))
        path = tmp_path / "a.db"
        other = sqlite3.connect(path)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        path.write_bytes(path.read_bytes()[:100] + b"\x00" * (path.stat().st_size - 100))
        with pytest.raises(Unavailable):
            await database.read(words)
        assert await database.write(insert("kept")) == 1
        assert database.replaced
        assert await database.read(words) == ["kept"]


async def test_file_removed_while_in_use_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path / "a.db") as database:
        await database.write(insert("lost"))
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"a.db{suffix}").unlink()
        await database.write(insert("kept"))
        assert await database.read(words) == ["kept"]
        assert "removed" in caplog.text
    assert (tmp_path / "a.db").exists()


async def test_file_that_cannot_be_opened_is_tried_again_at_each_write(tmp_path: Path) -> None:
    obstacle = tmp_path / "place"
    obstacle.write_text("")
    async with opened(obstacle / "a.db") as database:
        assert database.trouble
        with pytest.raises(Unavailable) as refused:
            await database.write(insert("one"))
        assert str(obstacle / "a.db") in str(refused.value)
        assert "\n" not in str(refused.value)
        obstacle.unlink()
        assert await database.write(insert("one")) == 1
        assert await database.read(words) == ["one"]
        assert database.trouble == ""
