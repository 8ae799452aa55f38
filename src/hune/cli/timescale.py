"""`hune run timescale`: the adapter between remote write and PostgreSQL, with flags of its own."""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Mapping, Sequence

from hune.core.errors import InputError
from hune.site.references import resolve
from hune.store.service import DEFAULT_PORT, NAME, Settings, Timescale

_URL = re.compile(r"postgres(ql)?://\S+")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags; leaves with exit code 2 and one line for what isn't one."""
    parser = argparse.ArgumentParser(
        prog=f"hune run {NAME}",
        description="Takes what Prometheus or vmagent writes remotely (POST /write), and keeps it in PostgreSQL.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--database",
        required=True,
        metavar="REFERENCE",
        help="where its URL is, postgresql://user:password@host:5432/name: env:NAME or file:/absolute/path",
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
    """Return the adapter that flags ask for. Raises InputError."""
    url = resolve(options.database, environ).strip()
    if not _URL.fullmatch(url):
        raise InputError(
            f"{options.database}: not the URL of a database", remedy="write postgresql://user:password@host:5432/name"
        )
    if options.retention_days is not None and options.retention_days < 1:
        raise InputError(f"--retention-days {options.retention_days}: too few", remedy="keep one day at least")
    host, port = _address(options.listen)
    return Timescale(
        url,
        Settings(host=host, port=port, retention_days=options.retention_days, host_names=tuple(options.host_name)),
    )


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
