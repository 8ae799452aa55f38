"""What a node says of itself: load, memory, swap, root file system, KSM, I/O wait, how and what it booted.

hune_pve_node_load1{node="pve-01"} 0.42
hune_pve_node_memory_used_bytes{node="pve-01"} 17179869184
hune_pve_node_iowait_ratio{node="pve-01"} 0.0012
hune_pve_node_info{node="pve-01",kernel="6.8.12-4-pve",cpu_model="Intel(R) Xeon(R) E-2388G",boot_mode="efi",…} 1
"""

from __future__ import annotations

from typing import Any

from hune.collect.pve.answers import record
from hune.collect.pve.asking import ask_nodes
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import BadAnswer

_PATH = "/nodes/{node}/status"
_TTL_SECONDS = 10.0


def _gauge(name: str, text: str, *labels: str) -> Family:
    return Family(f"hune_pve_node_{name}", "gauge", text, ("node", *labels), _PATH, "Sys.Audit on /nodes/{node}")


_LOADS = (
    _gauge("load1", "Load average of the last minute."),
    _gauge("load5", "Load average of the last five minutes."),
    _gauge("load15", "Load average of the last fifteen minutes."),
)
_CPU = _gauge("cpu_ratio", "Share of the CPU time in use, 0 to 1.")
_IOWAIT = _gauge("iowait_ratio", "Share of the CPU time spent waiting for input and output, 0 to 1.")
_UPTIME = _gauge("uptime_seconds", "Time since the node booted.")
_KSM = _gauge("ksm_shared_bytes", "Memory saved by merging equal pages (KSM).")
_INFO = _gauge(
    "info",
    "What the node is made of and how it booted; boot_mode is efi or legacy-bios, empty if it is too old to say.",
    "kernel",
    "cpu_model",
    "sockets",
    "cores",
    "threads",
    "boot_mode",
    "secure_boot",
)
_SIZES: dict[tuple[str, str], Family] = {
    ("memory", "total"): _gauge("memory_size_bytes", "Memory that the node has."),
    ("memory", "used"): _gauge("memory_used_bytes", "Memory in use."),
    ("memory", "available"): _gauge("memory_available_bytes", "Memory that could be had without swapping (new in 9)."),
    ("swap", "total"): _gauge("swap_size_bytes", "Swap space that the node has."),
    ("swap", "used"): _gauge("swap_used_bytes", "Swap space in use."),
    ("rootfs", "total"): _gauge("rootfs_size_bytes", "Size of the root file system."),
    ("rootfs", "used"): _gauge("rootfs_used_bytes", "Root file system in use."),
    ("rootfs", "avail"): _gauge("rootfs_available_bytes", "Room left on the root file system."),
}


def parse(node: str, answer: Any, out: Exposition) -> None:
    """Turn an answer of `/nodes/{node}/status` into samples. Raises BadAnswer."""
    status = record(answer, _PATH.format(node=node))
    loads = status.texts("loadavg")
    for family, text in zip(_LOADS, loads, strict=False):
        try:
            load = float(text)
        except ValueError:
            raise BadAnswer(f"{status.where}: loadavg is {loads!a:.40}, not numbers") from None
        if not 0 <= load < 1e9:
            raise BadAnswer(f"{status.where}: loadavg is {loads!a:.40}")
        out.add(family, load, node)
    for field, family in (("cpu", _CPU), ("wait", _IOWAIT), ("uptime", _UPTIME)):
        if field in status:
            out.add(family, status.amount(field), node)
    for (part, field), family in _SIZES.items():
        sizes = status.record(part)
        if field in sizes:
            out.add(family, sizes.amount(field), node)
    if "shared" in (ksm := status.record("ksm")):
        out.add(_KSM, ksm.amount("shared"), node)
    cpu, boot = status.record("cpuinfo"), status.record("boot-info")
    # Proxmox VE 7 has only `kversion`: "Linux 5.15.35-1-pve #1 SMP …".
    kernel = status.record("current-kernel").text("release", "")
    if not kernel and len(words := status.text("kversion", "").split()) > 1:
        kernel = words[1]
    counts = [cpu.whole(key, 0) for key in ("sockets", "cores", "cpus")]
    secure = ("yes" if boot.flag("secureboot") else "no") if "secureboot" in boot else ""
    out.add(_INFO, 1, node, kernel, cpu.text("model", ""), *counts, boot.text("mode", ""), secure)


async def collect(run: Collection) -> None:
    """Ask each node for its status."""
    await ask_nodes(run, _PATH, parse, max_age_seconds=_TTL_SECONDS)


COLLECTOR = Collector(
    name="node-status",
    scope="cluster",
    families=(*_LOADS, _CPU, _IOWAIT, _UPTIME, _KSM, _INFO, *_SIZES.values()),
    needs=(Needs("Sys.Audit", "/nodes"),),
    collect=collect,
)
