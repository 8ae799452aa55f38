"""`/cluster/status`, `/cluster/resources`, `/nodes`, and each node's guests."""

from __future__ import annotations

from typing import Any

from hune.lab.hardware import CORES, MACHINES
from hune.lab.pve import storages
from hune.lab.pve.cluster import NUMBERS, Placed
from hune.lab.pve.guests import Guest
from hune.lab.pve.routes import ON_GUEST, ON_NODE, SYS, ApiError, Ask, Route
from hune.lab.pve.usage import MEMORY_BYTES

VERSION = {"release": "9.1", "repoid": "8f2c6d0e41b7a953", "version": "9.1.2"}

Row = dict[str, Any]
_IDLE_BYTES = 60e6
"""What a virtual machine takes of which no processor has run yet."""


def _version(_: Ask) -> Row:
    return dict(VERSION)


def _status(ask: Ask) -> list[Row]:
    cluster = ask.cluster
    rows: list[Row] = [
        {
            "id": "cluster",
            "name": cluster.state.cluster,
            "nodes": len(MACHINES),
            "quorate": int(cluster.is_quorate),
            "type": "cluster",
            "version": 3,
        }
    ]
    for machine in MACHINES:
        name = cluster.name(machine.number)
        rows.append(
            {
                "id": f"node/{name}",
                "ip": machine.address,
                "level": "",
                "local": int(machine.number == cluster.here),
                "name": name,
                "nodeid": machine.number,
                "online": int(cluster.sees(machine.number)),
                "type": "node",
            }
        )
    return rows


def _resources(ask: Ask) -> list[Row]:
    wanted = ask.params.get("type", "")
    if wanted not in ("", "vm", "node", "storage", "sdn"):
        reason = f"value '{wanted}' does not have a value in the enumeration 'vm, storage, node, sdn'"
        raise ApiError(400, "Parameter verification failed.", errors={"type": reason})
    rows: list[Row] = []
    if wanted in ("", "vm") and "VM.Audit" in ask.privileges:
        rows += [_guest_resource(ask, placed) for placed in ask.cluster.placed.values()]
    if wanted in ("", "node"):
        rows += [_node_resource(ask, number) for number in NUMBERS]
    if wanted in ("", "storage") and "Datastore.Audit" in ask.privileges:
        rows += storages.resources(ask)
    return rows


def _guest_resource(ask: Ask, placed: Placed) -> Row:
    guest = placed.guest
    row = {
        "id": guest.id,
        "name": guest.name,
        "node": ask.cluster.name(placed.node),
        "status": placed.status,
        "template": int(guest.template),
        "type": guest.kind,
        "vmid": guest.vmid,
    }
    row |= _marks(placed)
    if placed.status != "unknown":
        row |= {"maxcpu": guest.cores} | _numbers(ask, placed)
    return row


def _marks(placed: Placed) -> Row:
    """Return what a guest has only sometimes."""
    marks: Row = {"tags": ";".join(placed.guest.tags)}
    if placed.hastate:
        marks["hastate"] = placed.hastate
    if placed.lock:
        marks["lock"] = placed.lock
    return marks


def _numbers(ask: Ask, placed: Placed) -> Row:
    guest = placed.guest
    row: Row = {
        "cpu": 0,
        "disk": 0,
        "diskread": 0,
        "diskwrite": 0,
        "maxdisk": guest.disk_bytes,
        "maxmem": guest.memory_bytes,
        "mem": 0,
        "netin": 0,
        "netout": 0,
        "uptime": 0,
    }
    if placed.is_running:
        used = ask.usage.guest(placed)
        row |= {
            "cpu": used.cpu,
            # Proxmox doesn't look into a virtual machine's disk.
            "disk": used.disk if guest.kind == "lxc" else 0,
            "diskread": used.read,
            "diskwrite": used.written,
            "mem": used.memory,
            "netin": used.received,
            "netout": used.sent,
            "uptime": used.uptime,
        }
        if guest.kind == "qemu":
            row["memhost"] = used.memory + 90_000_000
    elif placed.is_paused:
        idle = round(_IDLE_BYTES)
        row |= {"mem": idle, "memhost": idle, "uptime": max(0, int(ask.cluster.sampled - placed.started))}
    return row


def _node_resource(ask: Ask, number: int) -> Row:
    cluster, usage = ask.cluster, ask.usage
    name = cluster.name(number)
    row: Row = {"id": f"node/{name}", "node": name, "status": "offline", "type": "node"}
    if cluster.sees(number):
        root = storages.root(ask, number)
        row |= {
            "cgroup-mode": 2,
            "cpu": usage.load(number),
            "disk": root.used,
            "level": "",
            "maxcpu": CORES,
            "maxdisk": root.total,
            "maxmem": MEMORY_BYTES,
            "mem": usage.memory(number),
            "status": "online",
            "uptime": cluster.sampled_uptime(number),
        }
    return row


def _nodes(ask: Ask) -> list[Row]:
    keys = ("id", "node", "status", "type", "cpu", "level", "maxcpu", "maxmem", "mem", "uptime", "disk", "maxdisk")
    rows = []
    for number in NUMBERS:
        resource = _node_resource(ask, number)
        row = {key: resource[key] for key in keys if key in resource}
        rows.append(row | {"ssl_fingerprint": ask.facts.fingerprint})
    return rows


def _guests(kind: str) -> Any:
    def answer(ask: Ask) -> list[Row]:
        if "VM.Audit" not in ask.privileges:
            return []
        return [_listed(ask, placed) for placed in ask.cluster.guests_on(ask.node, kind)]

    return answer


def _listed(ask: Ask, placed: Placed) -> Row:
    guest = placed.guest
    row = {"cpus": guest.cores, "name": guest.name, "status": placed.status, "vmid": guest.vmid} | _marks(placed)
    row |= _numbers(ask, placed)
    row.pop("hastate", None)
    if guest.template:
        row["template"] = 1
    if placed.is_running:
        row |= ask.usage.pressure(placed) | {"pid": 20_000 + 37 * guest.vmid}
    if guest.kind == "lxc":
        row |= {"type": "lxc", "maxswap": 512 << 20, "swap": 0}
    return row


def placed_guest(ask: Ask, kind: str) -> Placed:
    """Return the guest that a path names; raises ApiError if the node has none of that number."""
    node, vmid = ask.path["node"], ask.path["vmid"]
    placed = ask.cluster.placed.get(int(vmid)) if vmid.isdecimal() else None
    if placed is None or placed.guest.kind != kind or placed.node != ask.node:
        folder = "qemu-server" if kind == "qemu" else "lxc"
        raise ApiError(500, f"Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")
    return placed


def _current(kind: str) -> Any:
    def answer(ask: Ask) -> Row:
        placed = placed_guest(ask, kind)
        row = _listed(ask, placed)
        ha: Row = {"managed": int(bool(placed.hastate))}
        if placed.hastate:
            ha |= {"group": None, "state": placed.hastate}
        row["ha"] = ha
        if kind == "qemu":
            row |= {"qmpstatus": "prelaunch" if placed.is_paused else placed.status, "agent": int(placed.guest.agent)}
            if placed.status == "running":
                row |= {"running-machine": "pc-q35-10.1+pve0", "running-qemu": "10.1.2"}
        return row

    return answer


def _config(kind: str) -> Any:
    def answer(ask: Ask) -> Row:
        placed = placed_guest(ask, kind)
        row = _qemu_config(placed.guest) if kind == "qemu" else _lxc_config(placed.guest)
        row |= {"tags": ";".join(placed.guest.tags), "digest": f"{placed.guest.vmid:040x}"}
        if placed.guest.running:
            row["onboot"] = 1
        if placed.guest.template:
            row["template"] = 1
        if placed.lock:
            row["lock"] = placed.lock
        return row

    return answer


def _qemu_config(guest: Guest) -> Row:
    row: Row = {
        "boot": "order=scsi0",
        "cores": guest.cores,
        "cpu": "host",
        "memory": str(guest.memory_bytes >> 20),
        "name": guest.name,
        "net0": f"virtio={guest.mac},bridge=vmbr0,firewall=1",
        "numa": 0,
        "ostype": "win11" if guest.windows else "l26",
        "scsi0": f"{guest.storage}:{guest.volume},discard=on,iothread=1,size={guest.disk_bytes >> 30}G",
        "scsihw": "virtio-scsi-single",
        "sockets": 1,
    }
    if guest.agent:
        row["agent"] = "1"
    return row


def _lxc_config(guest: Guest) -> Row:
    return {
        "arch": "amd64",
        "cores": guest.cores,
        "features": "nesting=1",
        "hostname": guest.name,
        "memory": guest.memory_bytes >> 20,
        "net0": f"name=eth0,bridge=vmbr0,firewall=1,hwaddr={guest.mac},ip=dhcp,type=veth",
        "ostype": "debian",
        "rootfs": f"{guest.storage}:{guest.volume},size={guest.disk_bytes >> 30}G",
        "swap": 512,
        "unprivileged": 1,
    }


def _running_with_agent(ask: Ask) -> Placed:
    placed = placed_guest(ask, "qemu")
    vmid = placed.guest.vmid
    if not placed.guest.agent:
        raise ApiError(500, "No QEMU guest agent configured")
    if placed.status != "running":
        raise ApiError(500, f"VM {vmid} is not running")
    if placed.is_paused or ask.cluster.pve.find("mute-agent", str(vmid)):
        raise ApiError(500, "QEMU guest agent is not running")
    return placed


def _file_systems(ask: Ask) -> Row:
    placed = _running_with_agent(ask)
    guest = placed.guest
    used, total = ask.usage.disk(guest), int(guest.disk_bytes * 0.98)
    disk = [{"bus": 0, "bus-type": "scsi", "dev": "/dev/sda1", "target": 0, "unit": 0}]
    if guest.windows:
        systems = [("C:\\", "\\\\?\\Volume{6c6a1e04-0000-0000-0000-100000000000}\\", "NTFS", used, total)]
    else:
        boot = 511 << 20
        systems = [("/", "sda1", "ext4", used, total), ("/boot/efi", "sda15", "vfat", boot // 40, boot)]
    return {
        "result": [
            {
                "disk": disk,
                "mountpoint": mountpoint,
                "name": name,
                "total-bytes": size,
                "type": kind,
                "used-bytes": taken,
            }
            for mountpoint, name, kind, taken, size in systems
        ]
    }


def _agent_info(ask: Ask) -> Row:
    _running_with_agent(ask)
    return {"result": {"supported_commands": [], "version": "10.0.2"}}


def _os_info(ask: Ask) -> Row:
    if _running_with_agent(ask).guest.windows:
        return {"result": {"id": "mswindows", "name": "Microsoft Windows", "pretty-name": "Windows 11 Pro"}}
    return {
        "result": {
            "id": "debian",
            "kernel-release": "6.12.48+deb13-amd64",
            "machine": "x86_64",
            "name": "Debian GNU/Linux",
            "pretty-name": "Debian GNU/Linux 13 (trixie)",
            "version-id": "13",
        }
    }


def _snapshots(kind: str) -> Any:
    def answer(ask: Ask) -> list[Row]:
        placed = placed_guest(ask, kind)
        now: Row = {"description": "You are here!", "name": "current", "running": int(placed.is_running)}
        if placed.guest.vmid % 10 != 4:
            return [now]
        taken = int(ask.cluster.state.nodes[MACHINES[0].name].boot_time) + 86_400
        older: Row = {"description": "before the upgrade", "name": "before-upgrade", "snaptime": taken, "vmstate": 0}
        return [older, now | {"parent": "before-upgrade"}]

    return answer


ROUTES = [
    Route("/version", _version),
    Route("/nodes/{node}/version", _version),
    Route("/cluster/status", _status, SYS),
    Route("/cluster/resources", _resources),
    Route("/nodes", _nodes),
    *(
        route
        for kind in ("qemu", "lxc")
        for route in (
            Route(f"{ON_NODE}/{kind}", _guests(kind)),
            Route(f"{ON_NODE}/{kind}/{{vmid}}/config", _config(kind), ("VM.Audit",), ON_GUEST),
            Route(f"{ON_NODE}/{kind}/{{vmid}}/status/current", _current(kind), ("VM.Audit",), ON_GUEST),
            Route(f"{ON_NODE}/{kind}/{{vmid}}/snapshot", _snapshots(kind), ("VM.Audit",), ON_GUEST),
        )
    ),
    *(
        Route(f"{ON_NODE}/qemu/{{vmid}}/agent/{command}", answer, ("VM.GuestAgent.Audit",), ON_GUEST)
        for command, answer in (("get-fsinfo", _file_systems), ("info", _agent_info), ("get-osinfo", _os_info))
    ),
]
