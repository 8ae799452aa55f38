"""An SQLite file with one writing thread: operations are committed in groups, each is durable when it returns.

Space is reserved inside the file and its write-ahead log, where no other program can take it: on a full disk writing
goes on for as long as the reserve lasts. A file that is damaged or gone is replaced by a new one, the old one kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from hune.core.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

RESERVE_BYTES = 12 << 20
LOW_DISK_BYTES = 32 << 20
_GROUP = 256
_BUSY_SECONDS = 5.0
# Primary result codes, https://www.sqlite.org/rescode.html
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
# Errors that leave the connection, and with it the space reserved in the log, as good as before.
_PASSING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# Errors of one operation, which must not spoil those that are committed with it. 0: of Python's module itself.
_OF_THE_STATEMENT = {0, sqlite3.SQLITE_ERROR}
_SUFFIXES = ("", "-wal", "-shm")


class _Job(Generic[T]):
    def __init__(self, operation: Operation[T], loop: asyncio.AbstractEventLoop) -> None:
        self.operation = operation
        self.result: T | None = None
        self.error: BaseException | None = None
        self._loop = loop
        self.future: asyncio.Future[T] = loop.create_future()

    def done(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class Database:
    """One file; open it before use and close it after.

    `scripts` lead from an empty file to the newest format, one each; a file's `user_version` says how many it has had.
    """

    def __init__(self, path: Path, scripts: Sequence[str], *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self.trouble = ""
        """Why nothing can be written, or empty."""
        self.replaced = ""
        """Where a damaged file was moved, if that happened since the start."""
        self.last_commit_seconds = 0.0
        self._scripts = scripts
        self._reserve_bytes = reserve_bytes
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="hub: reader")
        self._reading: sqlite3.Connection | None = None
        self._reading_generation = -1
        self._generation = 0
        self._suspected = False

    async def open(self) -> None:
        """Open or create the file; where that fails (`trouble` says why) each later write tries again."""
        await asyncio.to_thread(self._try_to_open)
        self._writer = threading.Thread(target=self._write_forever, name="hub: writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Commit what is queued and close the file."""
        self._jobs.put(None)
        if self._writer is not None:
            await asyncio.to_thread(self._writer.join)
        await asyncio.get_running_loop().run_in_executor(self._reader, self._close_reading)
        self._reader.shutdown(wait=False)

    async def write(self, operation: Operation[T]) -> T:
        """Run `operation` in a transaction; return its result once that is on the disk.

        All or nothing of it is stored. Raises what it raises, or Unavailable if the file takes nothing.
        """
        job = _Job(operation, asyncio.get_running_loop())
        self._jobs.put(job)
        return await job.future

    async def read(self, query: Operation[T]) -> T:
        """Return what `query` finds, everything written before included.

        Raises Unavailable if the file can't be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, query)

    # -- the reserve ---------------------------------------------------------------------------------------------

    def reserve_left(self, connection: sqlite3.Connection) -> int:
        """Return the bytes that can be written without a byte more of disk (blocking)."""
        (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(size)

    def disk_free(self) -> int:
        """Return the bytes that this user may still write to the disk, 0 if that can't be told (blocking)."""
        try:
            state = os.statvfs(self.path.parent)
        except OSError:
            return 0
        return state.f_bavail * state.f_frsize

    def is_short(self, connection: sqlite3.Connection) -> bool:
        """Whether the disk is full and less than a quarter of the reserve is left: room for marks only (blocking)."""
        return self.disk_free() < LOW_DISK_BYTES // 8 and self.reserve_left(connection) < self._reserve_bytes // 4

    async def refill(self) -> None:
        """Top the reserve up if the disk has room; call it from time to time."""
        if await asyncio.to_thread(self.disk_free) < LOW_DISK_BYTES:
            return
        if await self.read(self.reserve_left) < self._reserve_bytes // 2:
            with suppress(Unavailable):
                await self.write(self._fill)

    def _fill(self, connection: sqlite3.Connection) -> None:
        # Random bytes, so that a compressing file system really sets the space aside. Written and dropped in one
        # transaction they leave free pages in the file and a log of the same size, both reused from then on. The log
        # goes with an orderly end, so this is done at each start.
        connection.execute("CREATE TABLE reserve (space BLOB)")
        connection.execute("INSERT INTO reserve VALUES (randomblob(?))", (self._reserve_bytes,))
        connection.execute("DROP TABLE reserve")

    # -- the writing thread --------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        going = True
        while going:
            job = self._jobs.get()
            group = []
            while job is not None:
                group.append(job)
                if len(group) == _GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            going = job is not None
            if group:
                started = time.perf_counter()
                self._commit(group)
                self.last_commit_seconds = time.perf_counter() - started
        self._drop_connection()

    def _commit(self, group: list[_Job[Any]]) -> None:
        error: Exception | None = None
        for _ in range(2):
            try:
                self._transact(group)
            except Exception as caught:
                error = caught
                if not self._repair(caught):
                    break
            else:
                error = None
                break
        if error is None and self.trouble:
            log.warning("%s: writable again", self.path)
            self.trouble = ""
        if error is not None:
            self._complain(error)
        for job in group:
            if error is not None:
                job.error = Unavailable(f"{self.path}: {error}", remedy="make room on the disk, or see the hub's log")
            job.done()

    def _transact(self, group: list[_Job[Any]]) -> None:
        connection = self._usable()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in group:
                job.result = job.error = None
                connection.execute("SAVEPOINT job")
                try:
                    job.result = job.operation(connection)
                except sqlite3.OperationalError as error:
                    if _code(error) not in _OF_THE_STATEMENT:
                        raise
                    log.exception("%s: a statement can't be run", self.path)
                    # Of what is in the file, perhaps: it is opened again, and with that checked, before the next.
                    self._suspected = True
                    job.error = Unavailable(f"{self.path}: {error}", remedy="see the hub's log")
                except sqlite3.DatabaseError as error:
                    if _code(error) in _DAMAGED:
                        raise
                    job.error = error
                except Exception as error:
                    job.error = error
                if job.error is not None:
                    connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise

    def _usable(self) -> sqlite3.Connection:
        if self._connection is not None and self._suspected:
            self._suspected = False
            self._drop_connection()
        if self._connection is not None:
            try:
                if self.path.stat().st_ino == self._inode:
                    return self._connection
            except FileNotFoundError:
                pass
            log.error("%s: was removed or replaced while in use; beginning a new one", self.path)
            self._drop_connection()
        self._connection = self._open()
        return self._connection

    def _repair(self, error: Exception) -> bool:
        """Return whether trying again makes sense."""
        if not isinstance(error, sqlite3.Error):
            return False
        if _code(error) in _DAMAGED:
            self._drop_connection()
            return self._move_aside(error)
        if _code(error) not in _PASSING:
            self._drop_connection()
        return False

    def _complain(self, error: Exception) -> None:
        if not self.trouble:
            log.error("%s: nothing can be stored: %s", self.path, error)
        self.trouble = str(error)

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    # -- opening -------------------------------------------------------------------------------------------------

    def _try_to_open(self) -> None:
        for _ in range(2):
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                if not self._repair(error):
                    self._complain(error)
                    return
            else:
                return

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = _connect(self.path)
        try:
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise _damaged(str(state))
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._inode = self.path.stat().st_ino
        self._generation += 1
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._fill(connection)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError as error:
            log.warning("%s: no room for the reserve (%s)", self.path, error)
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(self._scripts):
            # Of a newer Hune: alerts must flow, so it is kept aside rather than refused.
            raise _damaged(f"written by a newer version of Hune (format {version}, not {len(self._scripts)})")
        for number, script in enumerate(self._scripts[version:], version + 1):
            if version:
                log.info("%s: brought to format %d", self.path, number)
            connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def _move_aside(self, error: Exception) -> bool:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        try:
            for suffix in _SUFFIXES:
                source = Path(f"{self.path}{suffix}")
                if source.exists():
                    source.rename(f"{aside}{suffix}")
        except OSError as refused:
            log.error("%s: damaged (%s), and cannot be moved aside: %s", self.path, error, refused)
            return False
        log.error("%s: damaged (%s); moved to %s, beginning a new one", self.path, error, aside)
        self.replaced = str(aside)
        return True

    # -- the reading thread --------------------------------------------------------------------------------------

    def _read(self, query: Operation[T]) -> T:
        try:
            if self._reading is None or self._reading_generation != self._generation:
                self._close_reading()
                self._reading = _connect(self.path)
                self._reading.execute("PRAGMA query_only = ON")
                self._reading_generation = self._generation
            self._reading.execute("BEGIN")
            try:
                return query(self._reading)
            finally:
                if self._reading.in_transaction:
                    self._reading.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._close_reading()
            # The writer opens the file again, and with that checks it.
            self._suspected = self._suspected or _code(error) in _DAMAGED
            raise Unavailable(f"{self.path}: {error}", remedy="see the hub's log") from error

    def _close_reading(self) -> None:
        if self._reading is not None:
            with suppress(sqlite3.Error):
                self._reading.close()
            self._reading = None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _damaged(reason: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
