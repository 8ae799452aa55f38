"""The `/proc` of a simulated machine, as data; each function returns paths and contents.

Source: https://man7.org/linux/man-pages/man5/proc.5.html
"""

from __future__ import annotations

from hune.lab.hardware import CORES, MEMORY_KIB, SATA_DISKS, SATA_MODEL, TICKS_PER_SECOND, Machine
from hune.lab.vitals import CoreTime, Vitals

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_NET_HEADER = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed\n"
)
_SECTOR_BYTES = 512

Files = dict[str, str]


def fast(vitals: Vitals) -> Files:
    """Return the files that move every second."""
    return {"stat": _stat(vitals)}


def slow(vitals: Vitals) -> Files:
    """Return the files that may lag: nobody reads them more often than every 15 s."""
    one, five, fifteen = vitals.load_averages
    busy = sum(core.busy for core in vitals.cores)
    stall, disks = int(vitals.stalled_seconds * 1e6), int(vitals.disks_stalled_seconds * 1e6)
    received = vitals.packets(sum(traffic.received for traffic in vitals.traffic.values()))
    sent = vitals.packets(sum(traffic.sent for traffic in vitals.traffic.values()))
    return {
        "loadavg": f"{one:.2f} {five:.2f} {fifteen:.2f} {1 + round(one)}/1184 {200_000 + int(busy) % 100_000}\n",
        "net/dev": _net_dev(vitals),
        "diskstats": _diskstats(vitals),
        "meminfo": _meminfo(vitals),
        "vmstat": _vmstat(vitals),
        "schedstat": _schedstat(vitals),
        "pressure/cpu": _pressure(stall),
        "pressure/io": _pressure(disks, full=disks * 3 // 4),
        "pressure/memory": _pressure(0),
        "pressure/irq": _pressure(stall // 9).partition("\n")[2],
        "net/snmp": _snmp(received, sent),
        "net/softnet_stat": "".join(_softnet(core, received // CORES) for core in range(CORES)),
    }


def steady(machine: Machine) -> Files:
    """Return the files that stay as they are while the machine is up."""
    mounts = (
        "/dev/mapper/pve-root / ext4 rw,relatime,errors=remount-ro 0 0\n"
        "/dev/nvme0n1p2 /boot/efi vfat rw,relatime,fmask=0022,dmask=0022 0 0\n"
        "/dev/fuse /etc/pve fuse rw,nosuid,nodev,relatime,user_id=0,group_id=0 0 0\n"
    )
    mountinfo = (
        "30 1 252:1 / / rw,relatime shared:1 - ext4 /dev/mapper/pve-root rw,errors=remount-ro\n"
        "88 30 259:2 / /boot/efi rw,relatime shared:46 - vfat /dev/nvme0n1p2 rw,fmask=0022,dmask=0022\n"
        "97 30 0:49 / /etc/pve rw,nosuid,nodev,relatime shared:52 - fuse /dev/fuse rw,user_id=0,group_id=0\n"
    )
    return {
        "1/mounts": mounts,
        "1/mountinfo": mountinfo,
        "self/mounts": mounts,
        "self/mountinfo": mountinfo,
        "cpuinfo": "\n".join(_cpuinfo(core) for core in range(CORES)),
        "mdstat": "Personalities : \nunused devices: <none>\n",
        "net/sockstat": (
            "sockets: used 642\nTCP: inuse 41 orphan 0 tw 12 alloc 57 mem 9\nUDP: inuse 11 mem 4\n"
            "UDPLITE: inuse 0\nRAW: inuse 1\nFRAG: inuse 0 memory 0\n"
        ),
        "net/sockstat6": "TCP6: inuse 6\nUDP6: inuse 4\nUDPLITE6: inuse 0\nRAW6: inuse 1\nFRAG6: inuse 0 memory 0\n",
        "net/netstat": (
            "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPSynRetrans\n"
            "TcpExt: 0 0 0 0 0 41\nIpExt: InOctets OutOctets\nIpExt: 0 0\n"
        ),
        "net/snmp6": "Ip6InReceives 0\nIp6OutRequests 0\nIcmp6InMsgs 0\nIcmp6OutMsgs 0\n",
        "net/udp": _UDP_HEADER,
        "net/udp6": _UDP_HEADER,
        "sys/fs/file-nr": "9120\t0\t9223372036854775807\n",
        "sys/kernel/random/entropy_avail": "256\n",
        "sys/kernel/random/poolsize": "256\n",
        "sys/net/netfilter/nf_conntrack_count": str(180 + 37 * machine.number) + "\n",
        "sys/net/netfilter/nf_conntrack_max": "262144\n",
        "net/stat/nf_conntrack": (
            "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop"
            " icmp_error  expect_new expect_create expect_delete search_restart\n" + CORES * ("00000000 " * 17 + "\n")
        ),
        "sys/kernel/threads-max": "254000\n",
        "sys/kernel/pid_max": "4194304\n",
    }


def root_files() -> Files:
    """Return the files of the machine's root file system that exporters read."""
    return {
        "etc/os-release": (
            'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nVERSION_ID="13"\n'
            'VERSION="13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n'
        ),
        "etc/pve/.version": "",
        "boot/efi/EFI/BOOT/BOOTX64.EFI": "",
        "run/udev/data/b259:0": "E:ID_MODEL=Samsung SSD 970 EVO Plus 1TB\nE:ID_REVISION=3B2QEXM7\n",
        **{f"run/udev/data/b8:{16 * index}": f"E:ID_MODEL={SATA_MODEL}\n" for index in range(len(SATA_DISKS))},
    }


_UDP_HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
    "   uid  timeout inode ref pointer drops\n"
)


def _stat(vitals: Vitals) -> str:
    lines = [_cpu_line("cpu", _sum(vitals.cores))]
    lines += [_cpu_line(f"cpu{index}", core) for index, core in enumerate(vitals.cores)]
    busy = sum(core.busy for core in vitals.cores)
    lines += [
        f"intr {int(busy * 5200)}",
        f"ctxt {int(busy * 9100)}",
        f"btime {int(vitals.boot_time)}",
        f"processes {int(busy * 11)}",
        f"procs_running {1 + round(vitals.load_averages[0])}",
        "procs_blocked 0",
        f"softirq {int(busy * 3900)}" + " 0" * 10,
    ]
    return "\n".join(lines) + "\n"


def _sum(cores: list[CoreTime]) -> CoreTime:
    return CoreTime(sum(core.busy for core in cores), sum(core.idle for core in cores))


def _cpu_line(name: str, core: CoreTime) -> str:
    ticks = " ".join(str(int(core.seconds(mode) * TICKS_PER_SECOND)) for mode in _MODES)
    return f"{name} {ticks} 0 0"


def _net_dev(vitals: Vitals) -> str:
    lines = []
    for name, traffic in vitals.traffic.items():
        received, sent = int(traffic.received), int(traffic.sent)
        lines.append(
            f"{name:>6}: {received} {vitals.packets(received)} 0 0 0 0 0 0 {sent} {vitals.packets(sent)} 0 0 0 0 0 0\n"
        )
    return _NET_HEADER + "".join(lines)


def _diskstats(vitals: Vitals) -> str:
    read, written = int(vitals.disk_read / _SECTOR_BYTES), int(vitals.disk_written / _SECTOR_BYTES)
    # Guests lie on all disks, the host on the first.
    lines = [_diskstat(259, 0, "nvme0n1", read // 2, written // 2)]
    lines += [_diskstat(8, 16 * index, disk, read // 6, written // 6) for index, disk in enumerate(SATA_DISKS)]
    return "".join(lines)


def _diskstat(major: int, minor: int, disk: str, read: int, written: int) -> str:
    busy_ms = (read + written) // 900
    reads = f"{read // 32} 0 {read} {read // 700}"
    writes = f"{written // 24} {written // 90} {written} {written // 650}"
    return f"{major:>4} {minor:>7} {disk} {reads} {writes} 0 {busy_ms} {busy_ms} 0 0 0 0 0 0\n"


def _meminfo(vitals: Vitals) -> str:
    used = vitals.memory_used_kib
    cached = min(4_200_000, (MEMORY_KIB - used) // 2)
    fields = {
        "MemTotal": MEMORY_KIB,
        "MemFree": MEMORY_KIB - used - cached,
        "MemAvailable": MEMORY_KIB - used,
        "Buffers": cached // 20,
        "Cached": cached - cached // 20,
        "SwapCached": 0,
        "Active": used // 2,
        "Inactive": cached,
        "SwapTotal": 8_388_604,
        "SwapFree": 8_388_604,
        "Dirty": 1_120,
        "Writeback": 0,
        "AnonPages": used - 900_000,
        "Mapped": 190_000,
        "Shmem": 62_000,
        "Slab": 610_000,
        "SReclaimable": 220_000,
        "SUnreclaim": 390_000,
        "KernelStack": 14_200,
        "PageTables": 61_000,
        "CommitLimit": 24_693_704,
        "Committed_AS": used + 2_000_000,
    }
    return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in fields.items())


def _vmstat(vitals: Vitals) -> str:
    faults = int(sum(core.busy for core in vitals.cores) * 1900)
    fields = {
        "pgpgin": int(vitals.disk_read / 1024),
        "pgpgout": int(vitals.disk_written / 1024),
        "pswpin": 0,
        "pswpout": 0,
        "pgfault": faults,
        "pgmajfault": faults // 4000,
        "oom_kill": 0,
    }
    return "".join(f"{name} {value}\n" for name, value in fields.items())


def _schedstat(vitals: Vitals) -> str:
    lines = ["version 15", "timestamp 4300000000"]
    for index, core in enumerate(vitals.cores):
        lines.append(f"cpu{index} 0 0 0 0 0 0 {int(core.busy * 1e9)} {int(core.busy * 3e7)} {int(core.busy * 4000)}")
    return "\n".join(lines) + "\n"


def _pressure(some: int, *, full: int = 0) -> str:
    averages = "avg10=0.00 avg60=0.00 avg300=0.00"
    return f"some {averages} total={some}\nfull {averages} total={full}\n"


def _snmp(received: int, sent: int) -> str:
    return (
        "Ip: Forwarding DefaultTTL InReceives\n"
        f"Ip: 1 64 {received}\n"
        "Icmp: InMsgs InErrors OutMsgs\nIcmp: 0 0 0\n"
        "Tcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\n"
        f"Tcp: {sent // 9000} {received // 8000} 41 {received} {sent} {sent // 40000} 0 0\n"
        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n"
        f"Udp: {received // 60} 0 0 {sent // 60} 0 0\n"
    )


def _softnet(core: int, processed: int) -> str:
    """Return a line of 15 hexadecimal fields: the first counts packets, the 13th is the number of the CPU."""
    fields = [processed & 0xFFFFFFFF, *[0] * 11, core, 0, 0]
    return " ".join(f"{field:08x}" for field in fields) + "\n"


def _cpuinfo(core: int) -> str:
    return (
        f"processor\t: {core}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 158\n"
        "model name\t: Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz\nstepping\t: 10\nmicrocode\t: 0xf8\n"
        f"cpu MHz\t\t: 2100.000\ncache size\t: 9216 KB\nphysical id\t: 0\nsiblings\t: {CORES}\n"
        f"core id\t\t: {core}\ncpu cores\t: {CORES}\napicid\t\t: {2 * core}\nflags\t\t: fpu vme de\nbugs\t\t:\n"
    )
