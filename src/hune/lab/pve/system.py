"""What a node tells of its own system: status, services, certificates, subscription, updates, network, and corosync."""

from __future__ import annotations

import time
from typing import Any

from hune.lab.hardware import CORES, MACHINES, ONBOARD, SFP_PORTS
from hune.lab.ports import PortState
from hune.lab.pve import storages
from hune.lab.pve.backups import DAY
from hune.lab.pve.guests import GUESTS
from hune.lab.pve.resources import VERSION
from hune.lab.pve.routes import ON_NODE, SYS, Ask, Route
from hune.lab.pve.usage import MEMORY_BYTES, SWAP_BYTES

Row = dict[str, Any]
_KERNEL = "6.17.2-2-pve"
SERVICES = {
    "corosync": "Corosync Cluster Engine",
    "cron": "Regular background program processing daemon",
    "chrony": "chrony, an NTP client/server",
    "postfix": "Postfix Mail Transport Agent",
    "pve-cluster": "The Proxmox VE cluster filesystem",
    "pve-firewall": "Proxmox VE firewall",
    "pve-ha-crm": "PVE Cluster HA Resource Manager Daemon",
    "pve-ha-lrm": "PVE Local HA Resource Manager Daemon",
    "pvedaemon": "PVE API Daemon",
    "pvefw-logger": "Proxmox VE firewall logger",
    "pveproxy": "PVE API Proxy Server",
    "pvescheduler": "Proxmox VE scheduler",
    "pvestatd": "PVE Status Daemon",
    "spiceproxy": "PVE SPICE Proxy Server",
    "sshd": "OpenBSD Secure Shell server",
    "syslog": "System Logging Service",
    "systemd-journald": "Journal Service",
    "systemd-timesyncd": "Network Time Synchronization",
}
_ABSENT = {"syslog": "not-found", "systemd-timesyncd": "not-found"}


def _status(ask: Ask) -> Row:
    cluster, number = ask.cluster, ask.node
    load, used = ask.usage.load(number), ask.usage.memory(number)
    cached = min(4_200_000 * 1024, (MEMORY_BYTES - used) // 2)
    room = storages.root(ask, number)
    return {
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpu": load,
        "cpuinfo": {
            "cores": CORES,
            "cpus": CORES,
            "flags": "fpu vme de",
            "hvm": "1",
            "mhz": "2100.000",
            "model": "Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz",
            "sockets": 1,
            "user_hz": 100,
        },
        "current-kernel": {
            "machine": "x86_64",
            "release": _KERNEL,
            "sysname": "Linux",
            "version": f"#1 SMP PREEMPT_DYNAMIC PMX {_KERNEL.removesuffix('-pve')} (2025-11-26T12:33Z)",
        },
        "idle": 0,
        "ksm": {"shared": 0},
        "kversion": f"Linux {_KERNEL} #1 SMP PREEMPT_DYNAMIC PMX",
        "loadavg": [f"{load * CORES * share:.2f}" for share in (1.04, 1.0, 0.98)],
        "memory": {
            "available": MEMORY_BYTES - used,
            "free": MEMORY_BYTES - used - cached,
            "total": MEMORY_BYTES,
            "used": used,
        },
        "pveversion": f"pve-manager/{VERSION['version']}/{VERSION['repoid']}",
        "rootfs": {
            "avail": room.free,
            "free": room.free,
            "total": room.total,
            "used": room.used,
        },
        "swap": {"free": SWAP_BYTES, "total": SWAP_BYTES, "used": 0},
        "uptime": cluster.sampled_uptime(number),
        "wait": ask.usage.waiting(number),
    }


def _services(ask: Ask) -> list[Row]:
    node = ask.cluster.machine(ask.node).name
    rows: list[Row] = []
    for service, text in SERVICES.items():
        row: Row = {"desc": text, "name": service, "service": service}
        if service in _ABSENT:
            row |= {"active-state": "inactive", "state": "dead", "unit-state": _ABSENT[service]}
        elif ask.cluster.pve.find("stop-service", f"{node}/{service}"):
            row |= {"active-state": "failed", "state": "failed", "unit-state": "enabled"}
        else:
            row |= {"active-state": "active", "state": "running", "unit-state": "enabled"}
        rows.append(row)
    return rows


def _certificates(ask: Ask) -> list[Row]:
    cluster = ask.cluster
    machine, name = cluster.machine(ask.node), cluster.name(ask.node)
    joined = int(cluster.state.nodes[MACHINES[0].name].boot_time) - 90 * DAY
    begins = joined + 30 * DAY
    ends = begins + 730 * DAY
    fault = cluster.pve.find("expire-certificate", machine.name)
    if fault is not None and fault.value is not None:
        ends = int(fault.since + fault.value * DAY)
        begins = ends - 730 * DAY
    authority = f"/CN=Proxmox Virtual Environment/OU={cluster.state.cluster}/O=PVE Cluster Manager CA"
    return [
        {
            "filename": "pve-root-ca.pem",
            "fingerprint": ":".join(["5A"] * 32),
            "issuer": authority,
            "notafter": joined + 3650 * DAY,
            "notbefore": joined,
            "public-key-bits": 4096,
            "public-key-type": "rsaEncryption",
            "san": [],
            "subject": authority,
        },
        {
            "filename": "pve-ssl.pem",
            "fingerprint": ask.facts.fingerprint,
            "issuer": authority,
            "notafter": ends,
            "notbefore": begins,
            "pem": ask.facts.certificate,
            "public-key-bits": 256,
            "public-key-type": "id-ecPublicKey",
            "san": [machine.address, "127.0.0.1", "localhost", name],
            "subject": f"/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={name}",
        },
    ]


def _subscription(ask: Ask) -> Row:
    now = ask.cluster.now
    begins = now // (365 * DAY) * 365 * DAY
    return {
        "checktime": int(now // DAY * DAY),
        "key": f"pve2c-{ask.node:010x}",
        "level": "c",
        "nextduedate": time.strftime("%Y-%m-%d", time.gmtime(begins + 365 * DAY)),
        "productname": "Proxmox VE Community Subscription 1 CPU/year",
        "regdate": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begins)),
        "serverid": f"{ask.node:032X}",
        "sockets": 1,
        "status": "active",
        "url": "https://www.proxmox.com/proxmox-ve/pricing",
    }


# Package, section, installed version, offered version.
_UPDATES = (
    ("libpve-storage-perl", "perl", "9.1.0", "9.1.1", "Proxmox"),
    ("pve-manager", "admin", VERSION["version"], "9.1.4", "Proxmox"),
    ("qemu-server", "admin", "9.1.1", "9.1.2", "Proxmox"),
    ("openssl", "utils", "3.5.4-1~deb13u1", "3.5.4-1~deb13u2", "Debian"),
)


def _updates(ask: Ask) -> list[Row]:
    return [
        {
            "Arch": "amd64",
            "Description": f"A newer version of {package}.",
            "OldVersion": old,
            "Origin": origin,
            "Package": package,
            "Priority": "optional",
            "Section": section,
            "Title": package,
            "Version": new,
        }
        # Node 3 was updated last.
        for package, section, old, new, origin in (_UPDATES if ask.node != 3 else _UPDATES[:1])
    ]


def _versions(_: Ask) -> list[Row]:
    rows: list[Row] = [
        {
            "Arch": "amd64",
            "CurrentState": "Installed",
            "Description": f"The package {package}.",
            "OldVersion": old,
            "Origin": origin,
            "Package": package,
            "Priority": "optional",
            "Section": section,
            "Title": package,
            "Version": new,
        }
        for package, section, old, new, origin in _UPDATES
    ]
    rows[1] |= {"ManagerVersion": VERSION["version"], "RunningKernel": _KERNEL}
    return rows


def _time(ask: Ask) -> Row:
    now = int(ask.cluster.now)
    return {"localtime": now, "time": now, "timezone": "UTC"}


def _network(ask: Ask) -> list[Row]:
    machine, node = ask.cluster.machine(ask.node), ask.cluster.node(ask.node)
    last = machine.address.rsplit(".", 1)[1]

    def interface(name: str, kind: str, priority: int, address: str = "", length: int = 24, **more: Any) -> Row:
        state = node.ports.get(name, PortState())
        row: Row = {
            "autostart": 1,
            "exists": 1,
            "families": ["inet"],
            "iface": name,
            "method": "static" if address else "manual",
            "method6": "manual",
            "priority": priority,
            "type": kind,
        }
        if state.enabled:
            row["active"] = 1
        if address:
            row |= {"address": address, "cidr": f"{address}/{length}", "netmask": str(length)}
        return row | more

    first, second = SFP_PORTS
    bridge: Row = {"bridge_ports": ONBOARD, "bridge_stp": "off", "bridge_fd": "0", "gateway": "127.0.1.1"}
    return [
        interface(ONBOARD, "eth", 3),
        interface(first, "eth", 4, f"10.10.10.{last}", mtu=9000, comments="corosync and Ceph\n"),
        interface(second, "eth", 5, f"10.10.20.{last}", mtu=9000, comments="storage\n"),
        interface("vmbr0", "bridge", 6, machine.address, **bridge),
    ]


def _traffic(ask: Ask) -> list[Row]:
    rows: list[Row] = []
    for placed in ask.cluster.running_on(ask.node):
        used = ask.usage.guest(placed)
        # Seen from the host: what a guest receives, its port sends.
        counts = {"in": str(used.sent), "out": str(used.received)}
        rows.append({"dev": "net0", "vmid": str(placed.guest.vmid)} | counts)
    return rows


def _cluster_nodes(ask: Ask) -> list[Row]:
    return [
        {
            "name": ask.cluster.name(machine.number),
            "node": ask.cluster.name(machine.number),
            "nodeid": str(machine.number),
            "quorum_votes": "1",
            "ring0_addr": f"10.10.10.{machine.address.rsplit('.', 1)[1]}",
            "ring1_addr": machine.address,
        }
        for machine in MACHINES
    ]


def _totem(ask: Ask) -> Row:
    return {
        "cluster_name": ask.cluster.state.cluster,
        "config_version": "3",
        "interface": {"0": {"linknumber": "0"}, "1": {"linknumber": "1"}},
        "ip_version": "ipv4-6",
        "link_mode": "passive",
        "secauth": "on",
        "version": "2",
    }


def _qdevice(_: Ask) -> Row:
    return {}  # three nodes need none


def _options(_: Ask) -> Row:
    tags = sorted({tag for guest in GUESTS for tag in guest.tags})
    return {"allowed-tags": tags, "crs": "ha=basic", "keyboard": "en-us", "migration": "secure"}


def _permissions(ask: Ask) -> Row:
    granted = dict.fromkeys(sorted(ask.privileges), 1)
    path = ask.params.get("path", "/")
    return {path: granted}


ROUTES = [
    Route("/access/permissions", _permissions),
    Route("/cluster/config/nodes", _cluster_nodes, SYS),
    Route("/cluster/config/totem", _totem, SYS),
    Route("/cluster/config/qdevice", _qdevice, SYS),
    Route("/cluster/options", _options, SYS),
    Route(f"{ON_NODE}/status", _status, SYS, ON_NODE),
    Route(f"{ON_NODE}/services", _services, SYS, ON_NODE),
    Route(f"{ON_NODE}/certificates/info", _certificates),
    Route(f"{ON_NODE}/subscription", _subscription),
    Route(f"{ON_NODE}/apt/update", _updates, ("Sys.Modify",), ON_NODE),
    Route(f"{ON_NODE}/apt/versions", _versions, SYS, ON_NODE),
    Route(f"{ON_NODE}/time", _time, SYS, ON_NODE),
    Route(f"{ON_NODE}/network", _network),
    Route(f"{ON_NODE}/netstat", _traffic, SYS, ON_NODE),
]
