"""What a PostgreSQL needs before it starts: its data directory, a database, two roles and their keys.

Run before each start by the conductor (`python -m hune.stack.cluster`), as whoever the conductor is; what is there
already stays. Nobody has the superuser's password, and pg_hba.conf lets nobody in but the roles made here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hune.core.errors import HuneError, InputError, Unavailable
from hune.core.files import write_atomically
from hune.core.keys import USER
from hune.stack.spawn import guarded

DATABASE = USER
READER = "reader"
"""Who only reads: for Grafana and its like."""
SUPERUSER = "postgres"
_FOUNDATION = (
    f"CREATE ROLE {USER} LOGIN",
    f"CREATE ROLE {READER} LOGIN IN ROLE pg_read_all_data",
    f"ALTER ROLE {READER} SET default_transaction_read_only = on",
    f"ALTER ROLE {READER} SET statement_timeout = '30s'",
    f"CREATE DATABASE {DATABASE} OWNER {USER}",
)
_SECONDS = 300.0
_ENDING_SECONDS = 60.0
_CHECKSUMS_SINCE = 18
"""From then on they are there unless one says otherwise."""


def key_line(role: str, word: str) -> str:
    """Return a line of a password file, as clients of PostgreSQL read it: for a role in the database of Hune."""
    return f"*:*:{DATABASE}:{role}:{word}\n"


def key_of_reader(key: Path) -> Path:
    """Return where the key of the role that only reads lies, beside the other one."""
    return key.with_name(f"{key.name}-{READER}")


def word_of(key: Path) -> str:
    """Return the password in a key, nothing if there is none."""
    try:
        return key.read_text().strip().rpartition(":")[2]
    except OSError:
        return ""


def staged(data: Path) -> Path:
    """Return where data are made that aren't whole yet."""
    return data.with_name(f"{data.name}.new")


def upgraded(data: Path) -> Path:
    """Return where data of a newer major version lie that are whole, for the moment before they are the data."""
    return data.with_name(f"{data.name}.upgraded")


def make(data: Path, key: Path, program: Path, identity: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Make what is missing; the programs get `env` beside the environment. Raises HuneError with what is in the way."""
    cluster = Cluster(program, identity, env)
    keys = {USER: key, READER: key_of_reader(key)}
    words = {role: word_of(place) or secrets.token_urlsafe(32) for role, place in keys.items()}
    passwords = [f"ALTER ROLE {role} PASSWORD '{word}'" for role, word in words.items()]
    finish_upgrade(data)
    if not _is_made(data):
        cluster.initialise(staged(data))
        cluster.execute(staged(data), *_FOUNDATION, *passwords)
        staged(data).rename(data)
    else:
        cluster.refuse_another_version(data)
        if not all(map(word_of, keys.values())):
            cluster.execute(data, *passwords)
    key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for role, place in keys.items():
        # Last: a key that is there is right.
        if not word_of(place):
            write_atomically(place, key_line(role, words[role]), mode=0o600)
    cluster.own(data)


class Cluster:
    """PostgreSQL's own programs, `program` and those beside it, run by setpriv with the options `identity`.

    `remedy` is said of whatever goes wrong.
    """

    def __init__(
        self,
        program: Path,
        identity: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        remedy: str = "see: hune logs postgresql",
    ) -> None:
        # A link to the server may lie where its companions don't.
        self.folder = program.resolve().parent
        self._identity = tuple(identity)
        self._remedy = remedy
        self._env = {**os.environ, **(env or {})}

    def refuse_another_version(self, data: Path) -> None:
        """Raise InputError if the data is of another major version than the program."""
        of_data, of_program = int((data / "PG_VERSION").read_text()), self.version()
        if of_data != of_program:
            is_older = of_data < of_program
            raise InputError(
                f"{data}: of PostgreSQL {of_data}, and the program found is {of_program}",
                remedy=f"name {'the older' if is_older else 'a newer'} one with engines.postgresql.path"
                f"{', or run: hune store upgrade' if is_older else ''}",
            )

    def initialise(self, data: Path, *, checksums: bool | None = None) -> None:
        """Make an empty data directory in the place of `data`, with checksums of its pages or without."""
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True, mode=0o700)
        self.own(data)
        options = [f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C", "--auth=reject"]
        if checksums:
            options.append("--data-checksums")
        elif checksums is False and self.version() >= _CHECKSUMS_SINCE:
            options.append("--no-data-checksums")
        self._run("initdb", "-D", str(data), *options)

    def version(self) -> int:
        """Return the major version of the programs."""
        said = subprocess.run(
            [self.folder / "postgres", "--version"], env=self._env, capture_output=True, text=True, check=True
        )
        return int(re.findall(r"\d+", said.stdout)[0])

    def setting(self, data: Path, name: str) -> str:
        """Return what a setting is, of a data directory without a server."""
        return self._run("postgres", "-D", str(data), "-C", name).stdout.strip()

    def execute(self, data: Path, *statements: str, database: str = SUPERUSER, seconds: float = _SECONDS) -> str:
        """Execute statements without a server; return what they answer, for people.

        They are never told: one holds the password.
        """
        done = self._run(
            "postgres",
            "--single",
            "-D",
            str(data),
            "-c",
            "log_min_error_statement=panic",
            "-c",
            "unix_socket_directories=",
            database,
            given="".join(f"{statement}\n" for statement in statements),
            seconds=seconds,
        )
        if fault := re.search(r"(ERROR|FATAL|PANIC): +(.*)", done.stderr):
            raise Unavailable(f"PostgreSQL: {fault[2]}", remedy=self._remedy)
        return done.stdout

    def ask(self, data: Path, statement: str, *, database: str) -> str:
        """Return the one value that a statement answers without a server."""
        found = re.search(r' = "(.*)"\t\(typeid', self.execute(data, statement, database=database))
        return found[1] if found else ""

    def own(self, data: Path) -> None:
        """Give a data directory, or a file, to who runs the server."""
        chosen = {name: int(value) for name, _, value in (o.partition("=") for o in self._identity) if value.isdigit()}
        if chosen and data.stat().st_uid != chosen["--reuid"]:
            for path in (data, *data.rglob("*")):
                os.chown(path, chosen["--reuid"], chosen["--regid"], follow_symlinks=False)

    def run_aloud(self, tell: Callable[[str], object], program: str, *arguments: str, cwd: Path) -> None:
        """Run a program for as long as it takes, telling each line it says. Raises Unavailable."""
        said: list[str] = []
        with subprocess.Popen(
            self._command(program, *arguments),
            cwd=cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            assert running.stdout is not None
            for line in running.stdout:
                if words := " ".join(line.split()):
                    said.append(words)
                    tell(words)
        if running.returncode:
            raise Unavailable(f"{program}: {reason(said) or f'exit code {running.returncode}'}", remedy=self._remedy)

    def _run(
        self, program: str, *arguments: str, given: str = "", seconds: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._command(program, *arguments),
            env=self._env,
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            if not given:
                print(*lines, sep="\n", file=sys.stderr)  # noqa: T201 - this is the process' log
            is_taken = "postmaster.pid" in lines[0]
            remedy = "a server runs on these data: stop it first" if is_taken else self._remedy
            raise Unavailable(f"{program}: {lines[0]}", remedy=remedy)
        return done

    def _command(self, program: str, *arguments: str) -> list[str]:
        """Return the command that runs a program for as long as we live: what it makes would be made anew elsewhere."""
        return guarded(
            [str(self.folder / program), *arguments], os.getpid(), end_signal="KILL", identity=self._identity
        )


def reason(said: Sequence[str]) -> str:
    """Return for what a program ended: the last line it said that tells something, or that of a log which it names."""
    told = [line for line in said if line != "Failure, exiting"]
    faults = []
    for log in re.findall(r'"(/[^"]+\.log)"', " ".join(told[-4:])):
        with contextlib.suppress(OSError):
            lines = Path(log).read_text(errors="replace").splitlines()
            faults += [line for line in lines if re.search(r"\b(error|FATAL|PANIC):", line, re.IGNORECASE)]
    return " ".join((faults or told or [""])[-1].split())


def finish_upgrade(data: Path) -> None:
    """Finish an upgrade that was cut off before its last step, or clear away what one left that was cut off before.

    Raises Unavailable.
    """
    if not _is_made(data) and _is_made(upgraded(data)):
        upgraded(data).rename(data)
    _end_server_of_upgrade(data)
    for place in (staged(data), upgraded(data)):
        _end_server_of_upgrade(place)
        shutil.rmtree(place, ignore_errors=True)


def _is_made(data: Path) -> bool:
    return (data / "PG_VERSION").exists()


def _end_server_of_upgrade(data: Path) -> None:
    """End the server on a data directory if it is one that a pg_upgrade, killed since, left behind.

    Raises Unavailable if it doesn't end.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        process = os.pidfd_open(pid)
    except (OSError, ValueError, IndexError):
        return
    try:
        # -b is what only pg_upgrade says.
        if {b"-b", os.fsencode(data)} <= set(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")):
            signal.pidfd_send_signal(process, signal.SIGINT)
            if not select.select([process], [], [], _ENDING_SECONDS)[0]:
                raise Unavailable(
                    f"{data}: the server of an upgrade that was cut off doesn't end", remedy=f"kill {pid}"
                )
    except (FileNotFoundError, ProcessLookupError):
        pass
    finally:
        os.close(process)


def main(arguments: Sequence[str]) -> int:
    """Make what is missing; exit 1 with one line if it can't be made."""
    parser = argparse.ArgumentParser(prog="hune.stack.cluster")
    for name in ("data", "key", "program"):
        parser.add_argument(name, type=Path)
    parser.add_argument("identity", nargs="*")
    chosen = parser.parse_args(arguments)
    try:
        make(chosen.data, chosen.key, chosen.program, chosen.identity)
    except KeyboardInterrupt:
        return 1
    except (HuneError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the process' log
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
