"""PostgreSQL: keeps samples for SQL, on loopback, for roles whose keys nobody else can read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from hune.core.keys import USER
from hune.stack.checkup import Checkup
from hune.stack.cluster import DATABASE, READER, upgraded
from hune.stack.model import File, Process
from hune.stack.postgres_ping import ping

if TYPE_CHECKING:
    from hune.stack.setting import Setting

NAME = "postgresql"
PACKAGE = "postgresql"
PROGRAMS = ("postgres",)
TOOLS = ("initdb",)
IMAGE = ""
"""None: where containers are rendered, a database is one that the site names."""

FOLDERS = ("usr/lib/postgresql/*/bin",)
"""Where Debian has its programs, below the root of the system or of what was unpacked."""

OLDEST = (15,)
"""What the store needs."""

LEFT_OUT = ("libllvm", "libz3")
"""Of what its package needs, which is fetched with it: the compiler of queries, the largest part, stays unused."""

OF_ROOT = Path("/var/cache/hune/engines")
"""Where it is unpacked for root: who runs it then can't start programs in directories that are root's alone."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "50",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "logging_collector": "off",
}
_HBA = "pg_hba.conf"


def environment(program: Path) -> Mapping[str, str]:
    """Return what it is started with; unpacked instead of installed it brings libraries along."""
    root = program.resolve().parents[5] if len(program.resolve().parents) > 5 else Path("/")
    libraries = sorted(map(str, root.glob("usr/lib/*-linux-*"))) if root != Path("/") else []
    return {"LC_ALL": "C", **({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})}


def kept_version(data: Path) -> str | None:
    """Return the major version that a data directory is of: another one can't read it."""
    for place in (data, upgraded(data)):
        with contextlib.suppress(OSError):
            return (place / "PG_VERSION").read_text().strip()
    return None


def database_url(setting: Setting) -> str:
    """Return how clients of this machine reach it; the password is in the file that it names."""
    return f"postgresql://{USER}@{setting.site.database_address}/{DATABASE}?passfile={quote(str(setting.layout.key(NAME)))}"


def process(setting: Setting) -> Process:
    """Return the process. It is stopped by SIGINT: by SIGTERM it would wait until every client has left."""
    data, program = setting.layout.data(NAME), setting.binaries[NAME].path
    settings = {**_SETTINGS, "port": str(setting.site.port(NAME)), "hba_file": setting.config(_HBA)}
    options = setting.unprivileged.options
    return Process(
        name=NAME,
        argv=(str(program), "-D", str(data), *(f"--{key}={value}" for key, value in settings.items())),
        first=(
            "hune.stack.cluster",
            str(data),
            str(setting.layout.key(NAME)),
            str(program),
            *(("--", *options) if options else ()),
        ),
        ready_url=setting.site.url(NAME),
        reads=(_HBA,),
        reload_signal="HUP",
        env=setting.binaries[NAME].env,
        # What was written since the last checkpoint is read again after a crash.
        ready_seconds=600.0,
        stop_seconds=60.0,
        stop_signal="INT",
        identity=options,
        has_workers=True,
    )


def files(_setting: Setting) -> list[File]:
    """Return pg_hba.conf: two roles, one database, from this machine, with their keys."""
    return [File(_HBA, f"host {DATABASE} {USER},{READER} 127.0.0.1/32 scram-sha-256\n")]


async def check(checkup: Checkup) -> str:
    """Return that it takes connections; that it stores, the adapter's own check tells. Raises Unavailable."""
    await ping(checkup.url, user=USER, database=DATABASE)
    return "takes connections"
