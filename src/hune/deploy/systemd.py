"""systemd: one unit that runs the conductor, or a unit for each process of the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.deploy.rendering import MARK, Rendering
from hune.deploy.stores import carried, notes
from hune.site.models import Site
from hune.stack import timescale
from hune.stack.engines import ENGINES, node_exporter
from hune.stack.model import Process
from hune.stack.plan import EXPORTER, make_plan
from hune.stack.setting import Binary, Setting

UNIT = "hune.service"
TARGET = "hune.target"
SYSUSERS = "hune.sysusers.conf"
SYSCTL = "hune.sysctl.conf"
USER = "hune"


@dataclass(frozen=True)
class Place:
    """Where things lie on the machine that the units are for."""

    program: str = "/opt/hune/bin/hune"
    data_dir: str = "/var/lib/hune"
    site_file: str = ""
    environment_file: str = "/etc/hune/environment"


# What Hune and its engines never need. The node exporter must go on seeing every mount (so /home is read-only, not
# hidden, and the processes of others are not hidden either) and the state of the clock.
_HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "read-only",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "SystemCallArchitectures": "native",
    # setpriv begins with capset, and the node exporter reads the clock's state by adjtimex; without a capability
    # neither can change anything.
    "SystemCallFilter": "@system-service\n~@privileged\ncapset adjtimex clock_adjtime",
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
}

# What the engines besides need not see either: they read no file of people, and no process but their own.
_HARDENING_OF_AN_ENGINE = {**_HARDENING, "ProtectClock": "yes", "ProtectHome": "yes", "ProtectProc": "invisible"}

# What a user's own systemd can do without root; the rest needs namespaces or capabilities that it may not have.
_HARDENING_OF_A_USER = (
    "NoNewPrivileges",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RestrictAddressFamilies",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "SystemCallErrorNumber",
)

# MemoryHigh slows down, MemoryMax ends: what is measured at rest is less than half of the first.
_MEMORY = {
    "prometheus": ("512M", "1G"),
    "victoriametrics": ("384M", "768M"),
    "alertmanager": ("128M", "256M"),
    "node-exporter": ("96M", "192M"),
    "blackbox-exporter": ("96M", "192M"),
    "services": ("256M", "512M"),
    EXPORTER: ("256M", "512M"),
    timescale.NAME: ("256M", "512M"),
    timescale.QUERY: ("256M", "512M"),
}

_OWN = ("services", EXPORTER, timescale.NAME)
"""Hune's own processes, which resolve secrets."""

_SYSUSERS_TEXT = f'# {MARK}: the user that it runs as.\nu {USER} - "Hune" {{home}}\n'
_SYSCTL_TEXT = f"""\
# {MARK}: echo requests without a capability, for the blackbox exporter. systemd's own default elsewhere.
net.ipv4.ping_group_range = 0 2147483647
"""


def render_conductor(place: Place) -> Rendering:
    """Return the unit that runs `hune up` for the whole system, its user, and the right to ping."""
    return Rendering(
        head=UNIT,
        files={
            UNIT: conductor_unit(place),
            SYSUSERS: _SYSUSERS_TEXT.format(home=place.data_dir),
            SYSCTL: _SYSCTL_TEXT,
        },
    )


def conductor_unit(place: Place, *, of_user: bool = False) -> str:
    """Return the unit that runs `hune up`: of the system, as the user `hune`, or of the user who installs it."""
    data_dir = ["--data-dir", place.data_dir]
    site = ["--site", place.site_file] if place.site_file else []
    service = {
        # The conductor is ready when its unit has started; `hune health` says when everything works.
        "Type": "exec",
        "ExecStart": command([place.program, "up", *data_dir, *site]),
        "ExecReload": command([place.program, "reload", *data_dir]),
        "EnvironmentFile": f"-{_escape(place.environment_file)}",
        "WorkingDirectory": "/" if not of_user else "%h",
        # The conductor itself stops its children, in order; what it leaves is ended.
        "KillMode": "mixed",
        "TimeoutStopSec": "90",
        "Restart": "on-failure",
        "RestartSec": "10",
        # An engine that is killed for its memory is the conductor's business.
        "OOMPolicy": "continue",
        "LimitNOFILE": "65536",
        "TasksMax": "1024",
        "MemoryHigh": "1G",
        "MemoryMax": "2G",
    }
    if of_user:
        hardening = {key: _HARDENING[key] for key in _HARDENING_OF_A_USER}
    else:
        service |= {"User": USER, "Group": USER, **_state(place.data_dir, place.data_dir)}
        hardening = dict(_HARDENING)
    unit = {
        "Description": "Hune: supervision of Proxmox VE and Linux machines",
        "StartLimitIntervalSec": "0",
    }
    if not of_user:
        unit |= {"Wants": "network-online.target", "After": "network-online.target"}
    wanted_by = "default.target" if of_user else "multi-user.target"
    return _unit(("Unit", unit), ("Service", service | hardening), ("Install", {"WantedBy": wanted_by}))


def render_processes(site: Site, place: Place) -> Rendering:
    """Return a unit for each process of the plan, the target that starts them all, and their files."""
    layout = Layout(Path(place.data_dir))
    setting = Setting(
        site=carried(site, with_query=True),
        layout=layout,
        binaries={name: Binary(_program(site, name)) for name in ENGINES},
        hune=(place.program,),
    )
    plan = make_plan(setting)
    files = {f"config/{file.path}": file.content for file in plan.files}
    units = {process.name: _process_unit(process, place, layout) for process in plan.processes}
    files |= {f"hune-{name}.service": text for name, text in units.items()}
    target = {
        "Description": "Hune: supervision of Proxmox VE and Linux machines",
        "Wants": " ".join(f"hune-{name}.service" for name in units),
    }
    files[TARGET] = _unit(("Unit", target), ("Install", {"WantedBy": "multi-user.target"}))
    files |= {SYSUSERS: _SYSUSERS_TEXT.format(home=place.data_dir), SYSCTL: _SYSCTL_TEXT}
    return Rendering(head=TARGET, files=files, notes=tuple(notes(site, with_query=True)))


def _program(site: Site, name: str) -> Path:
    path = getattr(site.engines, name.replace("-", "_")).path
    return Path(path) if path else Path("/usr/bin") / ENGINES[name].PROGRAMS[0]


def _process_unit(process: Process, place: Place, layout: Layout) -> str:
    own_data = layout.data("hub" if process.name == "services" else process.name)
    high, most = _MEMORY[process.name]
    after = [f"hune-{name}.service" for name in process.after]
    unit = {
        "Description": f"Hune: {process.name}",
        "PartOf": TARGET,
        "After": " ".join(["network-online.target", *after]),
        "Wants": " ".join(["network-online.target", *after]),
        "StartLimitIntervalSec": "0",
    }
    service = {
        "Type": "exec",
        "ExecStart": command(_sealed(process)),
        **({"ExecReload": f"/bin/kill -{process.reload_signal} $MAINPID"} if process.reload_signal else {}),
        "WorkingDirectory": process.cwd,
        "Environment": " ".join(_quote(f"{key}={value}") for key, value in sorted(process.env.items())),
        "EnvironmentFile": f"-{_escape(place.environment_file)}" if process.name in _OWN else "",
        "TimeoutStartSec": f"{process.ready_seconds:g}",
        "TimeoutStopSec": f"{process.stop_seconds:g}",
        "Restart": "always",
        "RestartSec": "2",
        "LimitNOFILE": "65536",
        "TasksMax": "256",
        "MemoryHigh": high,
        "MemoryMax": most,
        "User": USER,
        "Group": USER,
        **_state(str(own_data), place.data_dir),
    }
    measures_here = process.name == node_exporter.NAME
    hardening = _HARDENING if measures_here or process.name in _OWN else _HARDENING_OF_AN_ENGINE
    return _unit(
        ("Unit", unit),
        ("Service", {key: value for key, value in service.items() if value} | hardening),
        ("Install", {"WantedBy": TARGET}),
    )


def _sealed(process: Process) -> Sequence[str]:
    """Return the command of a process, with a value that nobody knows in each variable that is to have one."""
    if not process.sealed:
        return process.argv
    keys = "; ".join(f'read -r key </proc/sys/kernel/random/uuid; export "{name}=$key"' for name in process.sealed)
    return ("/bin/sh", "-c", f'{keys}; exec "$0" "$@"', *process.argv)


def _state(path: str, data_dir: str) -> dict[str, str]:
    """Return how the unit may write to a folder: made by systemd below /var/lib, else made by the operator."""
    below = re.fullmatch(r"/var/lib/(.+)", path)
    if below and data_dir.startswith("/var/lib/"):
        return {"StateDirectory": _escape(below[1]), "StateDirectoryMode": "0750"}
    return {"ReadWritePaths": _escape(path)}


def command(argv: Sequence[str]) -> str:
    """Return a command line as systemd reads it: no variable, no specifier, no quote is left to mean anything.

    Raises InputError for a program that systemd would not start; somebody moves it.
    """
    if not argv[0].startswith("/") or re.search(r"[\"'\\]", argv[0]):
        raise InputError(
            f"{argv[0]}: systemd starts no program of such a name", remedy="give an absolute path without quotes"
        )
    return " ".join(_quote(part.replace("$", "$$")) for part in argv)


def _quote(text: str) -> str:
    escaped = _escape(text)
    if escaped and re.fullmatch(r"[A-Za-z0-9_@%+=:,./$^*()|\[\]-]+", escaped):
        return escaped
    # A line break would begin another setting of the unit.
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _unit(*sections: tuple[str, Mapping[str, str]]) -> str:
    lines = [f"# {MARK} (hune render systemd). A drop-in changes it: systemctl edit."]
    for name, settings in sections:
        lines += ["", f"[{name}]"]
        for key, value in settings.items():
            lines += [f"{key}={line}" for line in value.split("\n")]
    return "\n".join(lines) + "\n"
