"""`hune lab`: what can be broken in the Proxmox of the simulated nodes, and `mend`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hune.cli import show
from hune.cli.lab_call import do
from hune.cli.options import DataDir, Json

app = typer.Typer()

_PANEL = "Break their Proxmox (undo: mend)"
_NodeName = Annotated[str, typer.Argument(metavar="NODE", help="pve-01, pve-02 or pve-03")]
_GuestName = Annotated[str, typer.Argument(metavar="GUEST", help="Number or name of a guest: 104, or sql-1.")]
_Days = Annotated[float, typer.Argument(metavar="DAYS", help="From now.")]


def _break(fault: str, subject: str, data_dir: Any, json_output: bool, value: float | None = None) -> None:
    do("break", {"fault": fault, "subject": subject, "value": value}, data_dir, json_output, _tell)


def _tell(event: dict[str, Any]) -> str:
    return show.escape(str(event["text"]))


@app.command(rich_help_panel=_PANEL)
def fill(
    storage: Annotated[
        str,
        typer.Argument(
            metavar="STORAGE", help="local, local-lvm, local-zfs, ceph-vm, nas or pbs; of one node: pve-01/local-zfs."
        ),
    ],
    percent: Annotated[float, typer.Argument(metavar="PERCENT", help="How full it is from now on, 0 to 100.")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Fill a storage; its ZFS pool, Ceph pool or root file system with it."""
    _break("fill", storage, data_dir, json_output, percent)


@app.command(rich_help_panel=_PANEL)
def age_backup(
    guest: _GuestName,
    days: Annotated[float, typer.Argument(metavar="DAYS", help="How old the newest backup is now.")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Let a guest's newest backup be so many days old, and none follow."""
    _break("age-backup", guest, data_dir, json_output, days)


@app.command(rich_help_panel=_PANEL)
def start_backup(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="A guest (104, sql-1), or a node: all of its guests in turn.")
    ],
    stop: Annotated[bool, typer.Option("--stop", help="Stop the guest for it, as vzdump's mode stop does.")] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Start a backup, which runs until `end-backup`: locks, a task, busy disks and links, a store that fills."""
    do("start-backup", {"subject": subject, "stop": stop}, data_dir, json_output, _tell)


@app.command(rich_help_panel=_PANEL)
def end_backup(
    subject: Annotated[str | None, typer.Argument(metavar="SUBJECT", help="A guest or a node; else all.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="It fails.")] = False,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """End the backups that run, well or not."""
    do("end-backup", {"subject": subject, "failed": failed}, data_dir, json_output, _tell)


@app.command(rich_help_panel=_PANEL)
def fail_backup(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let a guest's last nightly backup have failed: no backup, and a task with errors."""
    _break("fail-backup", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def corrupt_backup(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let the verification of a guest's newest backup fail."""
    _break("corrupt-backup", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def fail_replication(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let the replication of a guest fail, now and every 15 minutes (wiki-1, erp-1, files-1 … are replicated)."""
    _break("fail-replication", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def stop(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Stop a guest as an administrator does, on purpose; its ports go with it. `mend` starts it again."""
    _break("stop", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def crash(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let a guest die by itself: nobody stopped it, and it should run. `mend` starts it again."""
    _break("crash", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def mute_agent(guest: _GuestName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Silence the guest agent of a virtual machine: its file systems can't be seen any more."""
    _break("mute-agent", guest, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def degrade_pool(node: _NodeName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let one disk of a node's ZFS mirror fail."""
    _break("degrade-pool", node, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def fail_disk(
    node: _NodeName,
    percent: Annotated[float, typer.Argument(metavar="PERCENT", help="How much of it is worn.")] = 97.0,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Let a node's disk sda, that of its OSD, fail its self-assessment, and be worn."""
    _break("fail-disk", node, data_dir, json_output, percent)


@app.command(rich_help_panel=_PANEL)
def out_osd(
    osd: Annotated[str, typer.Argument(metavar="OSD", help="osd.0, osd.1 or osd.2")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Take an OSD out of Ceph: its data lacks a copy."""
    _break("out-osd", osd, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def stop_service(
    node: _NodeName,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="pvestatd, pvescheduler, chrony …")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Let a service of a node fail."""
    _break("stop-service", f"{node}/{service}", data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def expire_certificate(node: _NodeName, days: _Days = 5.0, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let a node's certificate end in so many days (after `--`, a negative number: it ended already)."""
    _break("expire-certificate", node, data_dir, json_output, days)


@app.command(rich_help_panel=_PANEL)
def split(data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let the nodes not hear each other: each sees itself alone, without quorum."""
    _break("split", "cluster", data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def forbid(
    privilege: Annotated[str, typer.Argument(metavar="PRIVILEGE", help="Sys.Modify, VM.GuestAgent.Audit, VM.Audit …")],
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Take a privilege from the token that Hune asks with."""
    _break("forbid", privilege, data_dir, json_output)


@app.command(rich_help_panel=_PANEL)
def fence(node: _NodeName, data_dir: DataDir = None, json_output: Json = False) -> None:
    """Let a node die and be fenced at once; a minute later its highly available guests run elsewhere. Undo: revive."""
    do("fence", {"node": node}, data_dir, json_output, lambda _: "down, being fenced")


@app.command(rich_help_panel=_PANEL)
def mend(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="SUBJECT", help="What was broken (sql-1, local-zfs), or a fault (fill); else all."),
    ] = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Mend what was broken in Proxmox."""
    do("mend", {"subject": subject}, data_dir, json_output, _tell)
