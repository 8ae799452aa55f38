"""From a request (`hune up` and its options) to a plan: everything that looks at this machine before anything changes.

Run as a short-lived child of the conductor (`python -m hune.stack.prepare`): the request as JSON on standard
input, one JSON object a line on standard output: {"progress": …}, then {"plan": …} or {"errors": […]}.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hune.core.errors import HuneError, InputError
from hune.core.layout import Layout
from hune.stack.model import Plan

REQUEST_VARIABLE = "HUNE_REQUEST"
"""The environment variable in which a conductor is given its request."""


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    data_dir: str
    site_file: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    auto_ports: bool = False
    running: bool = False
    # -P: a module that lies in the working directory is never taken for one of ours.
    hune: tuple[str, ...] = (sys.executable, "-P", "-m", "hune")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Request:
        raw: dict[str, Any] = json.loads(text)
        return cls(**{**raw, "hune": tuple(raw["hune"])})


def prepare(request: Request, environ: Mapping[str, str], progress: Any) -> Plan:
    """Return the plan; nothing running is touched, engines that are missing are fetched.

    Raises InputError (site file, secrets, ports, programs) or Unavailable (fetching).
    """
    from hune.site.load import load
    from hune.site.secrets import check_all
    from hune.stack.fetch import find_engines
    from hune.stack.plan import make_plan
    from hune.stack.ports import settle
    from hune.stack.setting import LOCKED, Setting
    from hune.stack.unprivileged import OURSELVES, identity

    layout = Layout(Path(request.data_dir))
    overlays = sorted(layout.overlays.glob("*.yaml"))
    site = load(Path(request.site_file) if request.site_file else None, overlays=overlays, environ=environ)
    if problems := check_all(site, environ):
        raise InputError("\n".join(str(problem) for problem in problems))
    settled = settle(site, layout, request.ports, auto=request.auto_ports, running=request.running)
    setting = Setting(
        site=settled.site,
        layout=layout,
        binaries={},
        hune=request.hune,
        icmp_permitted=icmp_permitted(),
        adopted=settled.adopted,
        with_lab=any(overlay.name == "lab.yaml" for overlay in overlays),
        with_keys=True,
    )
    from hune.core.keys import make
    from hune.stack.engines import ENGINES

    # The second Prometheus runs here even where the first doesn't.
    needed = {"prometheus": ("prometheus", "timescale-query")}
    names = [name for name in ENGINES if any(setting.manages(user) for user in needed.get(name, (name,)))]
    binaries = find_engines(site, layout, names, progress)
    unprivileged = identity() if setting.manages("postgresql") else OURSELVES
    setting = replace(setting, binaries=binaries, unprivileged=unprivileged)
    for name in LOCKED:
        if key := setting.key(name):
            make(key)
    return make_plan(setting)


def icmp_permitted() -> bool:
    """Whether this user may send echo requests, by an unprivileged or a raw socket."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


def main() -> int:
    """Answer one request; exit 0 with a plan, 2 with errors."""

    def say(**message: Any) -> None:
        print(json.dumps(message), flush=True)  # noqa: T201 - this is the protocol

    try:
        request = Request.from_json(sys.stdin.read())
        plan = prepare(request, os.environ, lambda text: say(progress=text))
    except HuneError as error:
        say(errors=str(error).splitlines())
        return 2
    except OSError as error:
        say(
            errors=[
                f"{error.filename or 'data directory'}: {error.strerror}; make it readable and writable for this user"
            ]
        )
        return 2
    say(plan=plan.to_json())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
