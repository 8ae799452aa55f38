"""A private PostgreSQL comes to another version whole, or stays what it was.

pg_upgrade also copies to the version that there is; `HUNE_TEST_NEWER_POSTGRESQL` names the program of a newer one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack import cluster_upgrade
from hune.stack.cluster import Cluster, make, reason, staged, upgraded
from hune.stack.cluster_upgrade import Upgrade, upgrade
from hune.stack.engines.postgresql import environment, kept_version
from hune.stack.fetch import every_program
from hune.stack.lock import lock
from hune.stack.unprivileged import identity
from support.tools import tool

NEWER = os.environ.get("HUNE_TEST_NEWER_POSTGRESQL") or tool("postgres")
ROWS = 1000
COUNT = f"SELECT 1 / (count(*) = {ROWS})::int FROM t"
"""Fails where not all rows are there."""


class Stand:
    """A data directory with a PostgreSQL that holds rows, and programs of two versions, really or by name."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.data, self.key = self.layout.data("postgresql"), self.layout.key("postgresql")
        self.old, self.new = Path(tool("postgres")), Path(NEWER)
        self.said: list[str] = []

    def binary(self, program: Path) -> SimpleNamespace:
        return SimpleNamespace(path=program, env=environment(program))

    def make(self, program: Path) -> None:
        make(self.data, self.key, program, identity().options, environment(program))

    def execute(self, program: Path, *statements: str) -> None:
        self.cluster(program).execute(self.data, *statements, database="hune")

    def cluster(self, program: Path) -> Cluster:
        return Cluster(program, identity().options, environment(program))

    def number_from(self, number: int) -> None:
        self.cluster(self.old).run_aloud(print, "pg_resetwal", "-o", str(number), str(self.data), cwd=Path("/"))

    def upgrade(self) -> Upgrade:
        return upgrade(self.layout, Site(), self.said.append)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """What every test begins with."""
    stand = Stand(tmp_path_factory.mktemp("first"))
    stand.make(stand.old)
    # As if a server had made it: without one, what is made gets numbers as PostgreSQL's own things have.
    stand.number_from(20_000)
    stand.execute(stand.old, "CREATE TABLE t (a int)", f"INSERT INTO t SELECT generate_series(1, {ROWS})")
    return stand


@pytest.fixture
def stand(first: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    stand = Stand(tmp_path)
    _copy(first.layout.root, tmp_path)
    numbers = [stand.cluster(program).version() for program in (stand.old, stand.new)]
    programs = dict(zip([*numbers, 99], map(stand.binary, (stand.old, stand.new, stand.new)), strict=True))
    monkeypatch.setattr(cluster_upgrade, "_by_major", lambda _site, _layout: programs)
    return stand


def test_everything_is_there_after_an_upgrade_and_what_was_is_kept(stand: Stand) -> None:
    key = stand.key.read_text()
    done = stand.upgrade()
    assert done.kept == stand.data.with_name(f"postgresql-{done.before}")
    assert any("Copying user relation files" in line for line in stand.said)
    stand.execute(stand.new, COUNT, "SELECT 1 / count(*) FROM pg_authid WHERE rolname = 'hune' AND rolpassword <> ''")
    stand.make(stand.new)
    assert stand.key.read_text() == key
    stand.data.with_name(f"postgresql-{kept_version(stand.data)}").mkdir(exist_ok=True)
    with pytest.raises(InputError, match="kept from an upgrade before"):
        stand.upgrade()
    shutil.rmtree(stand.data)
    done.kept.rename(stand.data)
    stand.execute(stand.old, COUNT)


def test_cut_off_before_its_last_step_it_is_finished_at_the_next_start(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_upgrade, "_copy", _copied)
    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", _cut_off(Path.rename, after=1))
        with pytest.raises(KeyboardInterrupt):
            stand.upgrade()
    assert not stand.data.exists()
    # Whatever else makes folders.
    stand.data.mkdir()
    assert kept_version(stand.data) is not None
    stand.make(stand.old)
    stand.execute(stand.old, COUNT)


def test_killed_it_leaves_nothing_that_the_next_start_does_not_clear_away(stand: Stand) -> None:
    server = server_of_upgrade(stand)
    for leftover in (staged(stand.data), upgraded(stand.data)):
        leftover.mkdir()
        (leftover / "half").write_text("of it")
    stand.make(stand.old)
    assert server.wait(timeout=180) is not None
    assert sorted(place.name for place in stand.data.parent.iterdir()) == ["postgresql"]
    stand.execute(stand.old, COUNT)


def test_interrupted_it_leaves_nothing_running(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = []

    def interrupted(data: Path, *_: object) -> Path:
        servers.append(server_of_upgrade(stand))
        staged(data).mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster_upgrade, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stand.upgrade()
    assert servers[0].wait(timeout=180) is not None
    assert not staged(stand.data).exists()
    stand.execute(stand.old, COUNT)


def test_a_server_that_is_none_of_pg_upgrades_is_left_alone_and_told(stand: Stand) -> None:
    server = server_of_upgrade(stand, "-c", "listen_addresses=")
    try:
        with pytest.raises(Unavailable, match="stop it first"):
            stand.upgrade()
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=180)


def test_why_it_ended_is_told_in_the_words_of_the_log_that_is_named(tmp_path: Path) -> None:
    log = tmp_path / "pg_upgrade_dump.log"
    log.write_text("command: pg_restore\npg_restore: error: could not execute query: no space\nCommand was: CREATE\n")
    said = ["*failure*", f'Consult the last few lines of "{log}" for', "the probable cause.", "Failure, exiting"]
    assert reason(said) == "pg_restore: error: could not execute query: no space"
    assert reason(["could not write file: No space left on device", "Failure, exiting"]).startswith("could not write")
    assert reason([]) == ""


@pytest.mark.long
def test_what_pg_upgrade_leaves_behind_is_noticed(stand: Stand) -> None:
    stand.number_from(15_000)
    stand.execute(stand.old, "CREATE TABLE low (a int)", "INSERT INTO low VALUES (1)")
    with pytest.raises(Unavailable, match="not everything came over"):
        stand.upgrade()
    stand.execute(stand.old, COUNT)


def test_what_goes_wrong_leaves_everything_as_it_was(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_upgrade, "TOOL", "false")
    with pytest.raises((Unavailable, OSError)):
        stand.upgrade()
    stand.make(stand.old)
    stand.execute(stand.old, COUNT)
    with lock(stand.layout), pytest.raises(InputError, match="hune down"):
        stand.upgrade()


def test_the_newest_stays_and_nothing_to_upgrade_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with pytest.raises(InputError, match="no PostgreSQL of Hune's own"):
        upgrade(layout, Site(), print)
    newest = max(one.version[0] for one in every_program(Site(), layout, "postgresql"))
    layout.data("postgresql").mkdir(parents=True)
    (layout.data("postgresql") / "PG_VERSION").write_text(f"{newest}\n")
    fetched: list[object] = []
    done = upgrade(layout, Site(), lambda _: None, fetch=lambda *asked: fetched.append(asked))
    assert (done, len(fetched)) == (Upgrade(newest, newest), 1)


def server_of_upgrade(stand: Stand, *options: str) -> subprocess.Popen[bytes]:
    """Return a server on the data that takes connections, by default one as pg_upgrade starts."""
    told = options or ("-b", "-c", "listen_addresses=")
    as_user = ("setpriv", *identity().options, "--") if identity().options else ()
    door = Path(tempfile.mkdtemp(prefix="hune-"))
    stand.cluster(stand.old).own(door)
    argv = [*as_user, str(stand.old), "-D", str(stand.data), *told, "-k", str(door)]
    server = subprocess.Popen(argv, env={**os.environ, **environment(stand.old)}, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while not list(door.glob(".s.PGSQL.*")):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return server


def _copied(data: Path, *_: object) -> Path:
    made = data.with_name("postgresql.upgraded")
    _copy(data, made)
    return made


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners, as `cp -a` does."""
    subprocess.run(["cp", "-aT", source, target], check=True)


def _cut_off(rename, *, after: int):  # type: ignore[no-untyped-def]
    done = 0

    def once(self: Path, target: Path) -> Path:
        nonlocal done
        if done == after:
            raise KeyboardInterrupt
        done += 1
        return rename(self, target)  # type: ignore[no-any-return]

    return once
