"""`hune run timescale`: the adapter between remote write and PostgreSQL, with flags of its own."""

from __future__ import annotations

import argparse
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from hune.core.errors import InputError
from hune.core.layout import Layout, data_root
from hune.site.references import resolve
from hune.store import assignment
from hune.store.service import DEFAULT_PORT, NAME, Settings, Timescale

_URL = re.compile(r"postgres(ql)?://\S+")
_MOST_DAYS = 36_500
_FORM = "write postgresql://user:password@host:5432/name"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags; leaves with exit code 2 and one line for what isn't one."""
    parser = argparse.ArgumentParser(
        prog=f"hune run {NAME}",
        description="Takes what Prometheus or vmagent writes remotely (POST /write), and keeps it in PostgreSQL.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--database",
        metavar="REFERENCE",
        help="where its URL is, postgresql://user:password@host:5432/name: env:NAME or file:/absolute/path; "
        "or a URL without a password",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIRECTORY",
        help="Hune's data directory: without --database everything is as the site there says",
    )
    parser.add_argument(
        "--listen", default=f"127.0.0.1:{DEFAULT_PORT}", metavar="HOST:PORT", help="default: %(default)s"
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which senders call it, beside its addresses and localhost; give it once for each",
    )
    parser.add_argument(
        "--retention-days", type=int, metavar="DAYS", help="drop what is older; by default everything stays"
    )
    return parser.parse_args(arguments)


def make(options: argparse.Namespace, environ: Mapping[str, str]) -> Timescale:
    """Return the adapter that flags ask for, or the site of the data directory. Raises InputError."""
    if options.database is None:
        return _of_site(Layout(data_root(options.data_dir)), environ)
    url = database_url(options.database, environ)
    if options.retention_days is not None and options.retention_days < 1:
        raise InputError(f"--retention-days {options.retention_days}: too few", remedy="keep one day at least")
    if options.retention_days is not None and options.retention_days > _MOST_DAYS:
        raise InputError(f"--retention-days {options.retention_days}: too many", remedy="without it everything stays")
    host, port = _address(options.listen)
    return Timescale(
        url,
        Settings(host=host, port=port, retention_days=options.retention_days, host_names=tuple(options.host_name)),
    )


def site_assignment(layout: Layout) -> assignment.Assignment:
    """Return what the site of a data directory asks of its adapter. Raises InputError if it has none."""
    place = layout.config / assignment.FILE
    try:
        return assignment.Assignment.from_json(place.read_text())
    except FileNotFoundError:
        raise InputError(
            f"{place}: missing", remedy="give --database, or put stores.timescale into the site file and run hune up"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{place}: not as hune up writes it", remedy="have it written anew: hune reload") from None


def _of_site(layout: Layout, environ: Mapping[str, str]) -> Timescale:
    asked = site_assignment(layout)
    # By its own name others find it where each service has a container to itself.
    settings = Settings(
        host=asked.host,
        port=asked.port,
        retention_days=asked.retention_days,
        host_names=(NAME, socket.gethostname()),
        policies=asked.policies,
    )
    return Timescale(database_url(asked.database, environ), settings)


def database_url(reference: str, environ: Mapping[str, str]) -> str:
    """Return the URL of a database: what a reference refers to, or the URL itself if it holds no password.

    Raises InputError, which repeats neither.
    """
    if not reference.startswith(("postgres://", "postgresql://")):
        url = resolve(reference, environ).strip()
        if not _URL.fullmatch(url):
            raise InputError(f"{reference}: not the URL of a database", remedy=_FORM)
        return url
    try:
        parts = urlsplit(reference)
        # Also sslpassword, of the client's key.
        is_open = parts.password is None and not any(name.endswith("password") for name in parse_qs(parts.query))
    except ValueError:
        raise InputError("--database: not the URL of a database", remedy=_FORM) from None
    if not is_open:
        raise InputError(
            "--database: a password on the command line is seen by every user of this machine",
            remedy="give the URL by reference: env:NAME or file:/absolute/path",
        )
    return reference


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        if not 0 < int(port) < 65536:
            raise ValueError
        return str(ipaddress.ip_address(host)), int(port)
    except ValueError:
        raise InputError(
            f"--listen {text}: not an address and a port", remedy=f"write it like 127.0.0.1:{DEFAULT_PORT}"
        ) from None
