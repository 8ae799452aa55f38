"""A real PostgreSQL of a test's own: its data in a folder that goes away, its door a Unix socket, fsync on.

PostgreSQL refuses to run as root: started by root it runs as the user as whom Hune runs one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from hune.stack.engines.postgresql import environment
from hune.stack.unprivileged import identity
from support.small_disk import SmallDisk, small_disk
from support.tools import tool

_SUPERUSER = "hune"
_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "log_min_messages": "warning",
    "logging_collector": "off",
}


class Postgresql:
    """One server; `url(database)` is how to reach it."""

    def __init__(self, folder: Path, disk: SmallDisk | None = None) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._disk = disk
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: list[str] = []
        self._said_before = 0
        if user := identity().user:
            entry = pwd.getpwnam(user)
            for place in (folder, *folder.iterdir()):
                os.chown(place, entry.pw_uid, entry.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]
        made_so = ("--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={_SUPERUSER}", "--no-sync")
        self._run("initdb", *made_so, "-D", self._data)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{_SUPERUSER}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers; after a kill it recovers first. There is room again."""
        if self._disk is not None:
            self._disk.make_room()
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, tool("postgres"), "-D", self._data, "-k", self.folder, *settings],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=_environment(),
                cwd=self.folder,
            )
        deadline = time.monotonic() + 180
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def cpu_seconds(self) -> float:
        """Return the processor time of the server and all that served connections."""
        assert self._process is not None
        pid = self._process.pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total = sum(map(int, fields[11:15]))
        for child in self._children():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += sum(map(int, Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it for good: nothing is written for a next start, which takes long where the disk is slow."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the whole server as a power cut would: none of its processes does anything more."""
        assert self._process is not None
        # Stopped first: it starts no more of them.
        self._process.send_signal(signal.SIGSTOP)
        while _state(self._process.pid) not in ("T", "Z", ""):
            time.sleep(0.001)
        children = self._children()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)
        # The next one finds their memory in use until they are gone.
        while any(_state(child) not in ("Z", "") for child in children):
            time.sleep(0.001)

    def fill_disk(self, most_bytes: int = 1 << 20) -> None:
        """Leave no room, until the server is started anew; without a disk of its own no file grows beyond so much."""
        assert self._process is not None
        self._said_before = (self.folder / "log").stat().st_size
        if self._disk is not None:
            self._disk.fill()
            return
        for pid in (self._process.pid, *self._children()):
            # One that has just ended has no limit to be set.
            limit = [*self._as_user, "prlimit", "--pid", str(pid), f"--fsize={most_bytes}:"]
            subprocess.run(limit, check=False, capture_output=True, stdin=subprocess.DEVNULL)

    def has_met_full_disk(self) -> bool:
        """Return whether it found no room since the disk was filled."""
        said = (self.folder / "log").read_bytes()[self._said_before :]
        return b"No space left on device" in said or b"File too large" in said

    def new_database(self, name: str) -> str:
        """Return the URL of a database that is empty."""
        asyncio.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'))
        return self.url(name)

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def _children(self) -> list[int]:
        assert self._process is not None
        try:
            text = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [int(one) for one in text.split()]

    def _answers(self) -> bool:
        try:
            asyncio.run(self._execute("SELECT 1"))
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(timeout=180)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [*self._as_user, tool(program), *arguments],
            env=_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def postgresql(*, own_disk: bool = False) -> Iterator[Postgresql]:
    """Run a server for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hune-pg-"))
        stack.callback(shutil.rmtree, folder)
        disk = None
        if own_disk:
            (folder / "data").mkdir(mode=0o700)
            disk = stack.enter_context(small_disk(folder / "data"))
        server = Postgresql(folder, disk)
        server.start()
        stack.callback(server.stop)
        yield server


def _state(pid: int) -> str:
    """Return the letter of a process's state, "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _environment() -> dict[str, str]:
    """Return what it is started with."""
    return {"PATH": os.environ["PATH"], "TZ": "UTC", **environment(Path(tool("postgres")))}
